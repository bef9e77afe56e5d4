import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { Client } from 'pg';
import { startOwnPostgres, type OwnTestServer } from '../support/postgres-server.js';
import { amongBystanders } from './bystanders.js';
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
    const result = await amongBystanders(connectionString, (appendPrepared) =>
      manyWriters({
        connectionString,
        schema,
        ...crowd,
        meanwhile: () => appendPrepared(schema, Math.floor(appendsEach / 2)),
      }),
    );
    expect(result.committed).toBeGreaterThan(crowd.processes * crowd.writersEach * appendsEach * 0.8);
    expect(result).toMatchObject({ lost: 0, missing: [0, 0, 0], disordered: [0, 0, 0] });
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
