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

const firstId = '00000000-0000-4000-8000-000000000001';

/** As that version wrote it: a checkpoint, a snapshot, timers, one of them claimed long ago, and an indexed collection. */
const stateOfVersion2 = `
  INSERT INTO checkpoints VALUES ('p', 0, 1), ('p', 3, 7);
  INSERT INTO snapshots VALUES ('a', 0, 1, '{"n":1}');
  INSERT INTO timers VALUES ('due', 'saga:x', '2020-01-01Z', '2020-01-01Z', '{"why":"a"}'),
    ('claimed', 'saga:x', '2020-01-02Z', '2020-01-03Z', 'null'), ('later', 'saga:x', '2999-01-01Z', '2999-01-01Z', '1');
  INSERT INTO collections (name, fields) VALUES ('c', '[["n",1]]');
  CREATE TABLE documents_1 (key text COLLATE "C" NOT NULL PRIMARY KEY, data json NOT NULL,
    field_1 text COLLATE "C" NOT NULL DEFAULT '');
  CREATE INDEX ON documents_1 (left(field_1, 200), key);
  INSERT INTO documents_1 VALUES ('k1', '{"n":"one"}', '1one'), ('k2', '{"n":"two"}', '1two');
`;

const expectStateOfVersion2 = async (backend: Backend): Promise<void> => {
  expect(await backend.checkpoints.list('p')).toEqual([
    { processor: 'p', segment: 0, position: 1n },
    { processor: 'p', segment: 3, position: 7n },
  ]);
  await backend.checkpoints.move({ processor: 'p', segment: 0, previous: 1n, position: 2n });
  expect(await backend.snapshots.load('a')).toEqual({
    stream: 'a',
    version: 0,
    schemaVersion: 1,
    state: { n: 1 },
  });
  const due = await backend.timers.claimDue({ target: 'saga:x', limit: 9, claimMs: 60_000 });
  expect(due.map(({ id, payload }) => [id, payload])).toEqual([
    ['due', { why: 'a' }],
    ['claimed', null],
  ]);
  expect((await backend.timers.list('saga:x')).map(({ id }) => id)).toEqual(['due', 'claimed', 'later']);
  const page = await backend.documents.query('c', { where: { n: { eq: 'two' } } });
  expect(page.documents).toEqual([{ key: 'k2', document: { n: 'two' } }]);
  await backend.documents.write('c', [{ key: 'k1', document: { n: 'two' } }]);
  expect(await backend.documents.count('c', { n: { eq: 'two' } })).toBe(2);
};

/** Whatever the version that it came from, it is written to like a new one. */
const expectUsable = async (backend: Backend): Promise<void> => {
  await backend.checkpoints.move({ processor: 'new', segment: 0, previous: undefined, position: 2n });
  await backend.snapshots.save({ stream: 'a', version: 1, schemaVersion: 1, state: { n: 2 } });
  expect((await backend.snapshots.load('a'))?.version).toBe(1);
  await backend.timers.schedule([{ id: 'new', target: 'saga:new', dueAt: new Date(0), payload: 1 }]);
  expect(await backend.timers.claimDue({ target: 'saga:new', limit: 9, claimMs: 1 })).toHaveLength(1);
  await backend.documents.write('c', [{ key: 'new', document: { n: 'new' } }]);
  expect(await backend.documents.count('c', { n: { eq: 'new' } })).toBe(1);
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
          `SELECT ${schema}.append_one('a', -1, false, ARRAY['${firstId}'::uuid], ARRAY['T'], ARRAY[1], ARRAY['{"n":1}'::json], ARRAY['{}'::json], NULL)`,
        );
        // What else there is came with the second version.
        if (from >= 2) await connected.query(`SET search_path = ${schema}; ${stateOfVersion2}`);
      });
      const backend = postgres({ connectionString, schema });
      await opened(backend, async () => {
        expect(
          await backend.events.append('a', [{ type: 'T', data: { n: 2 } }], { expectedVersion: 0 }),
        ).toMatchObject({ version: 1, position: 2n });
        await backend.archive({ upTo: 2n });
        for await (const events of backend.events.readAll()) {
          expect(events.map(({ data }) => data)).toEqual([{ n: 1 }, { n: 2 }]);
        }
        const repeated = await backend.events.append('a', [{ id: firstId, type: 'T', data: { n: 1 } }]);
        expect(repeated).toMatchObject({ version: 0, alreadyAppended: true });
        await expect(
          using((connected) => connected.query(`UPDATE ${schema}.events SET data = '{}'`)),
        ).rejects.toThrow('events are immutable');

        await backend.documents.ensure({ name: 'c', indexes: ['n'] });
        if (from >= 2) await expectStateOfVersion2(backend);
        else expect(await backend.checkpoints.list()).toEqual([]);
        await expectUsable(backend);
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
