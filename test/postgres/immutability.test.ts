import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { grantSql, migrationSql, postgres, type SqlBackend } from '@tidemark/adapters/postgres';
import { ConfigurationError } from '@tidemark/core';
import { Client } from 'pg';
import { startPostgres, type TestServer } from '../support/postgres-server.js';
import { postgresConformance } from './conformance-suites.js';

const password = 'only-for-tests';
const newRole = (): string => `app ${randomUUID()}`;

const using = async <Result>(
  connectionString: string,
  work: (client: Client) => Promise<Result>,
): Promise<Result> => {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};

/** The state of the error that a statement fails with. */
const stateOf = (statement: Promise<unknown>): Promise<unknown> =>
  statement.then(
    () => 'it was carried out',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );

const createRole = async (connectionString: string, role: string): Promise<string> => {
  await using(connectionString, (client) =>
    client.query(`CREATE ROLE "${role}" LOGIN PASSWORD '${password}'`),
  );
  const url = new URL(connectionString);
  url.username = encodeURIComponent(role);
  url.password = password;
  return url.href;
};

const dropRole = (connectionString: string, role: string): Promise<unknown> =>
  using(connectionString, (client) => client.query(`DROP OWNED BY "${role}" CASCADE; DROP ROLE "${role}"`));

/** A server whose schema belongs to another role than the one that is connected to it, which has what grantSql gives. */
const startWithGrants = async (): Promise<TestServer> => {
  const server = await startPostgres();
  const schema = server.schema();
  const role = newRole();
  const connectionString = await createRole(server.connectionString, role);
  await using(server.connectionString, async (client) => {
    await client.query(migrationSql({ schema }));
    await client.query(grantSql({ role, schema }));
  });
  return {
    connectionString,
    schema: () => schema,
    async close() {
      await dropRole(server.connectionString, role);
      await server.close();
    },
  };
};

describe('a role that has what grantSql gives, and owns no tables of ours', () => {
  postgresConformance({
    start: startWithGrants,
    make: (options) => postgres({ ...options, autoMigrate: false }),
  });
});

describe('events, for whoever asks', () => {
  let server: TestServer | undefined;
  let owner = '';
  let application = '';
  let schema = '';
  const role = newRole();
  let backend: SqlBackend = postgres({ connectionString: 'postgres://nowhere' });

  beforeAll(async () => {
    server = await startPostgres();
    owner = server.connectionString;
    schema = server.schema();
    application = await createRole(owner, role);
    backend = postgres({ connectionString: owner, schema });
    await backend.open();
    await using(owner, (client) => client.query(grantSql({ role, schema })));
    await backend.events.append('a', [
      { type: 'T', data: 1 },
      { type: 'T', data: 2 },
      { type: 'T', data: 3 },
    ]);
    await backend.events.append('gone', [{ type: 'T', data: 4 }]);
    await backend.events.tombstoneStream('gone');
    await backend.archive({ upTo: 1n });
  }, 60_000);
  afterAll(async () => {
    await backend.close();
    await dropRole(owner, role);
    await server?.close();
  });

  const contents = (): Promise<readonly unknown[]> =>
    using(owner, async (client) => {
      const { rows } = await client.query<{ data: string; place: string }>(
        `SELECT data::text, 'events' AS place FROM ${schema}.events
           UNION ALL SELECT data::text, 'archive' FROM ${schema}.archived_events ORDER BY 1`,
      );
      return rows.map(({ data, place }) => `${data} ${place}`);
    });
  const unchanged = ['1 archive', '2 events', '3 events', '4 events'];

  const row = `900, 'a', 900, gen_random_uuid(), 'T', 1, '1', '{}', now()`;
  const refused: readonly string[] = [
    `UPDATE {schema}.events SET type = 'U' WHERE false`,
    `UPDATE {schema}.events SET data = '9' WHERE position = 2`,
    `DELETE FROM {schema}.events`,
    `DELETE FROM {schema}.events WHERE position = 3`,
    `DELETE FROM {schema}.events WHERE stream = 'gone'`,
    `TRUNCATE {schema}.events`,
    `INSERT INTO {schema}.events VALUES (2, 'b', 0, gen_random_uuid(), 'T', 1, '1', '{}', now())`,
    `INSERT INTO {schema}.archived_events VALUES (${row})`,
    `INSERT INTO {schema}.archived_events SELECT * FROM {schema}.events WHERE false`,
    `UPDATE {schema}.archived_events SET data = '9'`,
    `DELETE FROM {schema}.archived_events`,
    `TRUNCATE {schema}.archived_events`,
    `INSERT INTO {schema}.all_events VALUES (${row})`,
    `DELETE FROM {schema}.all_events`,
    `UPDATE {schema}.streams SET tombstoned = false WHERE stream = 'gone'`,
    `DELETE FROM {schema}.streams WHERE stream = 'gone'`,
  ];

  it.each(refused)('%s is refused', async (statement) => {
    const sql = statement.replaceAll('{schema}', schema);
    // Restricted, not unique, not writable; and for the application also: no right.
    const reasons = ['23001', '23505', '55000'];
    expect(reasons).toContain(await using(owner, (client) => stateOf(client.query(sql))));
    expect([...reasons, '42501']).toContain(await using(application, (client) => stateOf(client.query(sql))));
    expect(await contents()).toEqual(unchanged);
  });

  it('what the application has no right to is refused before anything else', async () => {
    for (const statement of [
      `ALTER TABLE ${schema}.events DISABLE TRIGGER ALL`,
      `ALTER TABLE ${schema}.archived_events DISABLE TRIGGER USER`,
      `DROP TRIGGER events_archived ON ${schema}.events`,
      `DROP TABLE ${schema}.archived_events CASCADE`,
      `DELETE FROM ${schema}.migrations`,
      `UPDATE ${schema}.events SET type = 'U'`,
      `INSERT INTO ${schema}.archived_events VALUES (${row})`,
    ]) {
      await expect(using(application, (client) => client.query(statement))).rejects.toMatchObject({
        code: '42501',
      });
    }
    expect(await contents()).toEqual(unchanged);
  });

  it('the documented paths are open: truncating and deleting hide, archiving moves, and a DELETE is an archiving', async () => {
    const opened = postgres({ connectionString: application, schema, autoMigrate: false });
    await opened.open();
    try {
      await opened.events.append('b', [
        { type: 'T', data: 5 },
        { type: 'T', data: 6 },
        { type: 'T', data: 7 },
      ]);
      await opened.events.setStreamMetadata('b', { truncateBefore: 1 });
      await opened.events.append('c', [{ type: 'T', data: 8 }]);
      await opened.events.deleteStream('c');
      await opened.archive({ upTo: 5n });
      await using(application, (client) =>
        client.query(`DELETE FROM ${schema}.events WHERE stream = 'b' AND version = 1`),
      );
      expect(await contents()).toEqual([
        '1 archive',
        '2 archive',
        '3 events',
        '4 events',
        '5 archive',
        '6 archive',
        '7 events',
        '8 events',
      ]);
      const read = async (stream: string): Promise<readonly unknown[]> => {
        const found: unknown[] = [];
        for await (const batch of opened.events.readStream(stream))
          found.push(...batch.map(({ data }) => data));
        return found;
      };
      expect(await read('a')).toEqual([1, 2, 3]);
      expect(await read('b')).toEqual([6, 7]);
      expect(await read('c')).toEqual([]);
    } finally {
      await opened.close();
    }
  });

  it('a role or schema that PostgreSQL cannot have gets no grants', () => {
    expect(() => grantSql({ role: '' })).toThrow(ConfigurationError);
    expect(() => grantSql({ role: 'x'.repeat(64) })).toThrow('role');
    expect(() => grantSql({ role: 'app', schema: 'pg_mine' })).toThrow(ConfigurationError);
    expect(grantSql({ role: 'a"b' })).toContain('ON SCHEMA "tidemark" TO "a""b"');
  });
});
