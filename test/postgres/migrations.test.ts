import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { migrationSql, postgres } from '@tidemark/adapters/postgres';
import { ConfigurationError, type Backend } from '@tidemark/core';
import { Client } from 'pg';
import { migrations } from '../../packages/adapters/src/sql/migrations/migrations.js';
import { SchemaNames } from '../../packages/adapters/src/sql/schema-names.js';
import { startPostgres, type TestServer } from '../support/postgres-server.js';

let server: TestServer | undefined;
let connectionString = '';
const client = (): Client => new Client({ connectionString });

beforeAll(async () => {
  server = await startPostgres();
  ({ connectionString } = server);
}, 60_000);
afterAll(() => server?.close());

const newSchema = (): string => server?.schema() ?? '';

const using = async <Result>(work: (client: Client) => Promise<Result>): Promise<Result> => {
  const connected = client();
  await connected.connect();
  try {
    return await work(connected);
  } finally {
    await connected.end();
  }
};

const opened = async (backend: Backend, work: () => Promise<void>): Promise<void> => {
  await backend.open();
  try {
    await work();
  } finally {
    await backend.close();
  }
};

describe('the schema', () => {
  it('is made by one of many that start at the same time', async () => {
    const schema = newSchema();
    const backends = Array.from({ length: 6 }, () =>
      postgres({ connectionString, schema, maxConnections: 2 }),
    );
    await Promise.all(backends.map((backend) => backend.open()));
    await Promise.all(backends.map((backend) => backend.close()));
    const { rows } = await using((connected) =>
      connected.query(`SELECT number FROM ${schema}.migrations ORDER BY number`),
    );
    expect(rows).toEqual(migrations.map(({ number }) => ({ number })));
  });

  it.each(migrations.map(({ number }) => number))(
    'is upgraded from version %i with data in it',
    async (from) => {
      const schema = newSchema();
      const names = new SchemaNames(schema);
      // As that version left it: its steps, and a log that was written with its functions.
      await using(async (connected) => {
        const older = migrationSql({ schema, from: 0 }).split('\n');
        const end = older.findIndex(
          (line) =>
            line.startsWith(`INSERT INTO ${names.quoted}.migrations`) && line.includes(`VALUES (${from},`),
        );
        await connected.query([...older.slice(0, end + 1), 'COMMIT;'].join('\n'));
        await connected.query(
          `SELECT ${schema}.append_one('a', -1, false, ARRAY[gen_random_uuid()], ARRAY['T'], ARRAY[1], ARRAY['{"n":1}'::json], ARRAY['{}'::json], NULL)`,
        );
      });
      const backend = postgres({ connectionString, schema });
      await opened(backend, async () => {
        expect(
          await backend.events.append('a', [{ type: 'T', data: { n: 2 } }], { expectedVersion: 0 }),
        ).toMatchObject({
          version: 1,
          position: 2n,
        });
        for await (const events of backend.events.readAll()) {
          expect(events.map(({ data }) => data)).toEqual([{ n: 1 }, { n: 2 }]);
        }
        await expect(
          using((connected) => connected.query(`UPDATE ${schema}.events SET data = '{}'`)),
        ).rejects.toThrow('events are immutable');
      });
    },
  );

  it('with autoMigrate off, fails on an older schema and says what to run; that does it', async () => {
    const schema = newSchema();
    const backend = postgres({ connectionString, schema, autoMigrate: false });
    await expect(backend.open()).rejects.toThrow(ConfigurationError);
    await expect(backend.open()).rejects.toThrow(`migrationSql({ schema: "${schema}", from: 0 })`);
    const sql = migrationSql({ schema, from: 0 });
    await using((connected) => connected.query(sql));
    await opened(backend, async () => {
      expect((await backend.events.append('a', [{ type: 'T', data: 1 }])).position).toBe(1n);
    });
    await using((connected) => connected.query(`DELETE FROM ${schema}.migrations WHERE number > 1`));
    await expect(backend.open()).rejects.toThrow(/is at version 1, and this program needs \d+/);
  });

  it('of a newer version is refused', async () => {
    const schema = newSchema();
    const backend = postgres({ connectionString, schema });
    await opened(backend, async () => undefined);
    await using((connected) =>
      connected.query(`INSERT INTO ${schema}.migrations VALUES (999, 'from the future')`),
    );
    await expect(backend.open()).rejects.toThrow('written by a newer version');
    await expect(postgres({ connectionString, schema, autoMigrate: false }).open()).rejects.toThrow(
      ConfigurationError,
    );
  });
});

describe('immutability', () => {
  it('is enforced by the database: events are not changed, deleted or truncated, tombstones not taken away', async () => {
    const schema = newSchema();
    const backend = postgres({ connectionString, schema });
    await opened(backend, async () => {
      await backend.events.append('a', [{ type: 'T', data: 1 }]);
      await backend.events.append('gone', [{ type: 'T', data: 1 }]);
      await backend.events.deleteStream('a');
      await backend.events.append('a', [{ type: 'T', data: 2 }]);
      await backend.events.setStreamMetadata('a', { truncateBefore: 1 });
      await backend.events.tombstoneStream('gone');
      await using(async (connected) => {
        for (const statement of [
          `UPDATE ${schema}.events SET type = 'U' WHERE false`,
          `DELETE FROM ${schema}.events`,
          `TRUNCATE ${schema}.events`,
          `UPDATE ${schema}.streams SET tombstoned = false`,
          `DELETE FROM ${schema}.streams`,
        ]) {
          await expect(connected.query(statement)).rejects.toMatchObject({ code: '23001' });
        }
        const { rows } = await connected.query(`SELECT count(*)::integer AS count FROM ${schema}.events`);
        expect(rows).toEqual([{ count: 3 }]);
      });
    });
  });
});
