import { startOwnPostgres, startPostgres } from '../support/postgres-server.js';

/** A server that benchmarks need. */
export type Server = 'postgres';

const variables: Readonly<Record<Server, string>> = { postgres: 'BENCH_POSTGRES' };

/** Where a server is that {@link startServers} has started. Threads know it, too. */
export const addressOf = (server: Server): string => {
  const address = process.env[variables[server]];
  if (address === undefined) throw new Error(`The benchmark does not say that it needs ${server}.`);
  return address;
};

/**
 * Starts servers, with the settings that they have by default: what is acknowledged is on the disk. `POSTGRES_URL` names one to
 * be used instead.
 *
 * @returns what stops them
 */
export const startServers = async (needed: ReadonlySet<Server>): Promise<() => Promise<void>> => {
  if (!needed.has('postgres')) return async () => undefined;
  const given = process.env['POSTGRES_URL'] !== undefined;
  const server = await (given ? startPostgres() : startOwnPostgres({ fsync: 'on' }));
  process.env[variables.postgres] = server.connectionString;
  return () => server.close();
};
