import { postgres, type PostgresOptions, type SqlBackend } from '@tidemark/adapters/postgres';
import { conformance } from '../support/conformance.js';
import type { TestServer } from '../support/postgres-server.js';

/** Options of {@link postgresConformance}. */
export interface PostgresConformanceOptions {
  readonly start: () => Promise<TestServer>;
  /** What comes behind the schema's name, to make it odd. */
  readonly suffix?: string | undefined;
  /** Makes the backend. Default: {@link postgres}. */
  readonly make?: ((options: PostgresOptions) => SqlBackend) | undefined;
  /** Called before the server is stopped, with its connection string and the schema. */
  readonly atEnd?: ((connectionString: string, schema: string) => Promise<void>) | undefined;
}

/** Both conformance suites on one schema of a server; to be called within `describe`. */
export const postgresConformance = ({
  start,
  suffix = '',
  make = postgres,
  atEnd,
}: PostgresConformanceOptions): void =>
  conformance(async () => {
    const server = await start();
    const { connectionString } = server;
    const schema = server.schema() + suffix;
    return {
      async open() {
        const backend = make({ connectionString, schema, pollMs: 100 });
        await backend.open();
        return backend;
      },
      async close() {
        await atEnd?.(connectionString, schema);
        await server.close();
      },
    };
  });
