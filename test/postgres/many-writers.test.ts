import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { Client } from 'pg';
import { startOwnPostgres, type OwnTestServer } from '../support/postgres-server.js';
import { manyWriters } from './many-writers.js';

const seed = Math.floor(Math.random() * 2 ** 31);

const connected = async (connectionString: string): Promise<Client> => {
  const client = new Client({ connectionString });
  await client.connect();
  return client;
};

describe(`many writers in several processes (seed ${seed})`, () => {
  let server: OwnTestServer | undefined;
  let connectionString = '';
  /** How many appends each of the 32 writers makes. A long run sets it higher. */
  const appendsEach = Number(process.env['MANY_WRITERS_APPENDS'] ?? 40);
  const crowd = { processes: 4, writersEach: 8, appendsEach, seed };

  beforeAll(async () => {
    server = await startOwnPostgres();
    ({ connectionString } = server);
  }, 60_000);
  afterAll(() => server?.close());

  const migrated = async (): Promise<string> => {
    const schema = server?.schema() ?? '';
    const backend = postgres({ connectionString, schema });
    await backend.open();
    await backend.close();
    return schema;
  };

  it('pitfalls 4 and 5: every committed event reaches every subscription once and in order, whatever else is open', async () => {
    const schema = await migrated();
    const client = await connected(connectionString);
    await client.query('CREATE DATABASE other');
    const otherUrl = connectionString.replace(/\/[^/]*$/, '/other');
    // A transaction that writes, in another database, and a prepared one in this: both are there the whole time.
    const other = await connected(otherUrl);
    await other.query('CREATE TABLE things (id integer)');
    await other.query('BEGIN');
    await other.query('INSERT INTO things VALUES (1)');
    await client.query('CREATE TABLE things (id integer)');
    await client.query("BEGIN; INSERT INTO things VALUES (1); PREPARE TRANSACTION 'idle'");
    // An append that is prepared, and committed by someone else when much was appended behind it.
    const appendPrepared = async (): Promise<void> => {
      await client.query('BEGIN');
      const stream = 'prepared';
      await client.query(
        `SELECT ${schema}.append_one($1, -2, false, ARRAY[gen_random_uuid()], ARRAY['T'], ARRAY[1], ARRAY['{}'::json], ARRAY['{}'::json], NULL)`,
        [stream],
      );
      await client.query("PREPARE TRANSACTION 'append'");
      const { rows: before } = await client.query<{ last: string }>(
        `SELECT last_value AS last FROM ${schema}.positions`,
      );
      for (;;) {
        const { rows } = await client.query<{ ahead: boolean }>(
          `SELECT last_value >= $1::bigint + 20 * ${appendsEach} / 40 AS ahead FROM ${schema}.positions`,
          [before[0]?.last],
        );
        if (rows[0]?.ahead === true) break;
      }
      await client.query("COMMIT PREPARED 'append'");
    };
    try {
      const result = await manyWriters({ connectionString, schema, ...crowd, meanwhile: appendPrepared });
      expect(result.committed).toBeGreaterThan(crowd.processes * crowd.writersEach * appendsEach * 0.8);
      expect(result).toMatchObject({ lost: 0, missing: [0, 0, 0], disordered: [0, 0, 0] });
    } finally {
      await client.query("ROLLBACK PREPARED 'idle'");
      await client.end();
      await other.end();
    }
  }, 120_000);

  it('can tell: with the safe position switched off, events are missed', async () => {
    const schema = await migrated();
    const client = await connected(connectionString);
    await client.query(
      `CREATE OR REPLACE FUNCTION ${schema}.safe_position() RETURNS bigint LANGUAGE sql AS 'SELECT last_value FROM ${schema}.positions'`,
    );
    await client.end();
    const result = await manyWriters({ connectionString, schema, ...crowd });
    expect(result.lost).toBe(0);
    expect(Math.min(...result.missing)).toBeGreaterThan(0);
  }, 120_000);
});
