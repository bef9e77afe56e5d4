import { startOwnPostgres, startPostgres } from '../support/postgres-server.js';
import { startRedis } from '../support/redis-server.js';

/** A server that benchmarks need. */
export type Server = 'postgres' | 'redis';

const variables: Readonly<Record<Server, string>> = { postgres: 'BENCH_POSTGRES', redis: 'BENCH_REDIS' };

/** Where a server is that {@link startServers} has started. Threads know it, too. */
export const addressOf = (server: Server): string => {
  const address = process.env[variables[server]];
  if (address === undefined) throw new Error(`The benchmark does not say that it needs ${server}.`);
  return address;
};

/** With the settings that they have by default: what PostgreSQL acknowledges is on the disk. */
const start: Readonly<Record<Server, () => Promise<{ readonly address: string; close(): Promise<void> }>>> = {
  async postgres() {
    const given = process.env['POSTGRES_URL'] !== undefined;
    const server = await (given ? startPostgres() : startOwnPostgres({ fsync: 'on' }));
    return { address: server.connectionString, close: () => server.close() };
  },
  async redis() {
    const server = await startRedis();
    return { address: server.url, close: () => server.close() };
  },
};

/**
 * Starts servers. `POSTGRES_URL` and `REDIS_URL` name some to be used instead.
 *
 * @returns what stops them
 */
export const startServers = async (needed: ReadonlySet<Server>): Promise<() => Promise<void>> => {
  const started: (() => Promise<void>)[] = [];
  for (const server of needed) {
    const { address, close } = await start[server]();
    process.env[variables[server]] = address;
    started.push(close);
  }
  return async () => {
    for (const close of started) await close();
  };
};
