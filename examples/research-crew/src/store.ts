import { ConfigurationError, type Backend } from '@tidemark/core';
import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import { pglite } from '@tidemark/adapters/pglite';
import { postgres } from '@tidemark/adapters/postgres';
import { redis } from '@tidemark/adapters/redis';
import { Client } from 'pg';
import { ForeignDataError, type DataFolder } from './data-folder.js';
import type { Options } from './options.js';

/** Where the program keeps its events. */
export interface Store {
  readonly backend: Backend;
  /** Where that is, in words that hold no password. */
  readonly name: string;
  /** Removes the events that this program made, and nothing else. */
  clear(): Promise<void>;
}

/** The schema of the database that everything of this program is in. */
const schema = 'research_crew';

/**
 * The embedded database in the data folder; or a PostgreSQL server, with Redis or without; or an EventStoreDB server, with all
 * that is not an event in the data folder. Nothing else in the program knows which.
 *
 * @throws {ConfigurationError} the URLs are none of servers that it can use
 */
export const chooseStore = (
  { backend: url, redis: redisUrl }: Pick<Options, 'backend' | 'redis'>,
  folder: DataFolder,
): Store => {
  const isPostgres = url !== undefined && /^postgres(ql)?:\/\//.test(url);
  if (redisUrl !== undefined && !isPostgres) {
    throw new ConfigurationError('--redis helps a PostgreSQL server: name that one with --backend, too.');
  }
  if (url === undefined) {
    return {
      backend: pglite({ folder: folder.store }),
      name: folder.store,
      clear: () => folder.clearStore(),
    };
  }
  if (/^esdb(\+discover)?:\/\//.test(url)) {
    return {
      backend: eventStoreDb({ connectionString: url, state: pglite({ folder: folder.state }) }),
      name: `EventStoreDB, all else in ${folder.state}`,
      clear: async () => {
        throw new ConfigurationError(
          'EventStoreDB forgets nothing, so --fresh is not for it: ask something else, or start with an empty server and data folder.',
        );
      },
    };
  }
  if (!isPostgres) {
    throw new ConfigurationError('--backend must be a URL that begins with postgres:// or esdb://');
  }
  return {
    backend: postgres({
      connectionString: url,
      schema,
      redis: redisUrl === undefined ? undefined : redis(redisUrl),
    }),
    name: redisUrl === undefined ? 'PostgreSQL' : 'PostgreSQL with Redis',
    clear: () => dropSchema(url),
  };
};

/** @throws {ForeignDataError} there is a schema of this name that is none of ours */
const dropSchema = async (connectionString: string): Promise<void> => {
  const client = new Client({ connectionString });
  try {
    await client.connect();
    const { rows } = await client.query<{ readonly exists: boolean; readonly ours: boolean }>(
      'SELECT to_regnamespace($1) IS NOT NULL AS exists, to_regclass($2) IS NOT NULL AS ours',
      [schema, `${schema}.migrations`],
    );
    if (rows[0]?.exists !== true) return;
    if (!rows[0].ours) {
      throw new ForeignDataError(
        `The schema ${schema} holds something else than this program's events: it is not removed.`,
      );
    }
    await client.query(`DROP SCHEMA ${schema} CASCADE`);
  } finally {
    await client.end();
  }
};
