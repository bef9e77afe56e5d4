import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { postgres, type PostgresOptions, type SqlBackend } from '@tidemark/adapters/postgres';
import { backendConformance, eventStoreConformance } from '@tidemark/core/testing';
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
}: PostgresConformanceOptions): void => {
  let server: TestServer | undefined;
  let schema = '';
  let backend = make({ connectionString: 'postgres://nowhere' });

  const open = async (): Promise<SqlBackend> => {
    const opened = make({ connectionString: server?.connectionString, schema, pollMs: 100 });
    await opened.open();
    return opened;
  };

  beforeAll(async () => {
    server = await start();
    schema = server.schema() + suffix;
    backend = await open();
  }, 120_000);
  afterAll(async () => {
    await backend.close();
    if (server !== undefined) await atEnd?.(server.connectionString, schema);
    await server?.close();
  });

  const staysOpen = async (): Promise<void> => undefined;
  eventStoreConformance({
    describe,
    it,
    create: async () => ({
      store: backend.events,
      async connect() {
        const another = await open();
        return { store: another.events, close: () => another.close() };
      },
      async reopen() {
        await backend.close();
        await backend.open();
        return backend.events;
      },
      close: staysOpen,
    }),
  });
  backendConformance({
    describe,
    it,
    create: async () => ({ backend, connect: open, close: staysOpen }),
    async createToClose() {
      const another = await open();
      return { backend: another, close: () => another.close() };
    },
  });
};
