import { ConfigurationError, type Backend } from '@tidemark/core';
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
 * The embedded database in the data folder, or a PostgreSQL server, with Redis or without: nothing else in the program
 * knows which.
 *
 * @throws {ConfigurationError} the URLs are none of servers that it can use
 */
export const chooseStore = (
  { backend: url, redis: redisUrl }: Pick<Options, 'backend' | 'redis'>,
  folder: DataFolder,
): Store => {
  if (url === undefined) {
    if (redisUrl !== undefined) {
      throw new ConfigurationError('--redis helps a PostgreSQL server: name that one with --backend, too.');
    }
    return {
      backend: pglite({ folder: folder.store }),
      name: folder.store,
      clear: () => folder.clearStore(),
    };
  }
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw new ConfigurationError('--backend must be a URL that begins with postgres://');
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
