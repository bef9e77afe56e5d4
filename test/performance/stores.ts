import { randomUUID } from 'node:crypto';
import type { Backend } from '@tidemark/core';
import { pglite } from '@tidemark/adapters/pglite';
import { postgres } from '@tidemark/adapters/postgres';
import { Client } from 'pg';
import { PgSession } from './bare/pg-session.js';
import { PgliteSession } from './bare/pglite-session.js';
import { BareSqlLog } from './bare/sql-log.js';
import { addressOf, type Server } from './servers.js';

/** Something that speaks SQL, with a backend of ours and a log written by hand on it. */
export interface Store {
  readonly name: string;
  /** The servers that must be there. */
  readonly needs: readonly Server[];
  /** A backend on a database of its own, open. */
  ours(): Promise<Backend>;
  /** The log written by hand on a database of its own. */
  bare(): Promise<BareSqlLog>;
}

export const onPglite: Store = {
  name: 'PGlite',
  needs: [],
  async ours() {
    const backend = pglite();
    await backend.open();
    return backend;
  },
  bare: async () => BareSqlLog.open(await PgliteSession.open()),
};

/** Makes an empty database and says where it is. The server, or whoever gave it, has it for good. */
export const newDatabase = async (): Promise<string> => {
  const connectionString = addressOf('postgres');
  const name = `bench_${randomUUID().replaceAll('-', '')}`;
  const client = new Client({ connectionString });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  const url = new URL(connectionString);
  url.pathname = `/${name}`;
  return url.href;
};

export const onPostgres: Store = {
  name: 'PostgreSQL',
  needs: ['postgres'],
  async ours() {
    const backend = postgres({ connectionString: await newDatabase() });
    await backend.open();
    return backend;
  },
  bare: async () => BareSqlLog.open(PgSession.open(await newDatabase())),
};
