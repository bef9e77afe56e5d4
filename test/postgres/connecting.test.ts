import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { ConfigurationError, StoreUnavailableError, TransactionError, type Backend } from '@tidemark/core';
import { Client, Pool } from 'pg';
import { startPostgres, type TestServer } from '../support/postgres-server.js';
import { partingServer } from './parting-server.js';
import { pretendedPooler } from './pretended-pooler.js';

let server: TestServer | undefined;
let connectionString = '';

beforeAll(async () => {
  server = await startPostgres();
  ({ connectionString } = server);
}, 60_000);
afterAll(() => server?.close());

const event = { type: 'T', data: 1 };

const using = async <Result>(backend: Backend, work: () => Promise<Result>): Promise<Result> => {
  await backend.open();
  try {
    return await work();
  } finally {
    await backend.close();
  }
};

/** All that an error shows, whoever prints it. */
const everythingOf = (error: unknown): string =>
  error instanceof Error
    ? `${String(error.stack)} ${JSON.stringify(error, Object.getOwnPropertyNames(error))} ${everythingOf(error.cause)}`
    : '';

const failure = async (backend: Backend): Promise<unknown> =>
  backend.open().then(
    () => undefined,
    (error: unknown) => error,
  );

describe('connecting', () => {
  it('needs either a connectionString or a pool', () => {
    expect(() => postgres({})).toThrow(ConfigurationError);
    expect(() => postgres({ connectionString, pool: new Pool() })).toThrow(ConfigurationError);
  });

  it('never shows the password, whatever is wrong', async () => {
    const wrong = new URL(connectionString);
    wrong.password = 'secret-one';
    const refused = await failure(postgres({ connectionString: wrong.href }));
    expect(refused).toBeInstanceOf(ConfigurationError);
    expect(everythingOf(refused)).toMatch(/28P01/);

    wrong.port = '1';
    const away = await failure(postgres({ connectionString: wrong.href, connectTimeoutMs: 100 }));
    expect(away).toBeInstanceOf(StoreUnavailableError);
    expect(everythingOf(away)).toMatch(/127\.0\.0\.1:1\/postgres could not be reached/);

    let none: unknown;
    try {
      postgres({ connectionString: 'postgres://user:secret-two@host:nonsense/database' });
    } catch (error) {
      none = error;
    }
    expect(none).toBeInstanceOf(ConfigurationError);
    expect(everythingOf([refused, away, none].find((error) => /secret/.test(everythingOf(error))))).toBe('');
  });

  it('says which database is missing', async () => {
    const missing = new URL(connectionString);
    missing.pathname = '/nowhere';
    expect(await failure(postgres({ connectionString: missing.href }))).toMatchObject({
      name: 'ConfigurationError',
      message: expect.stringContaining('"nowhere" does not exist'),
    });
  });

  it('passes TLS options on', async () => {
    const error = await failure(
      postgres({ connectionString, ssl: { rejectUnauthorized: true }, connectTimeoutMs: 100 }),
    );
    expect(error).toMatchObject({ message: expect.stringContaining('does not support SSL connections') });
  });

  it('refuses a level of isolation at which a lost race stays lost', async () => {
    const strict = new URL(connectionString);
    strict.searchParams.set('options', '-c default_transaction_isolation=serializable');
    expect(await failure(postgres({ connectionString: strict.href }))).toMatchObject({
      name: 'ConfigurationError',
      message: expect.stringContaining('default_transaction_isolation is "serializable"'),
    });
  });

  it('uses a pool that it is given, and leaves it open', async () => {
    const pool = new Pool({ connectionString });
    const backend = postgres({ pool, schema: server?.schema() });
    await using(backend, () => backend.events.append('a', [event]));
    const { rows } = await pool.query('SELECT 1 AS one');
    expect(rows).toEqual([{ one: 1 }]);
    await pool.end();
  });

  it('opens again what was closed, and opens once what is opened twice', async () => {
    const backend = postgres({ connectionString, schema: server?.schema() });
    await Promise.all([backend.open(), backend.open()]);
    await backend.close();
    await expect(backend.events.head()).rejects.toThrow('is closed: open it');
    await using(backend, async () => expect(await backend.events.head()).toBe(0n));
  });
});

describe('a connection that the server ends in the moment it is made', () => {
  it('fails by a typed error, and not by one that nobody hears', async () => {
    const parting = await partingServer();
    const error = await failure(
      postgres({ connectionString: parting.connectionString, connectTimeoutMs: 200 }),
    );
    expect(parting.greeted).toBeGreaterThan(0);
    await parting.close();
    expect(error).toBeInstanceOf(StoreUnavailableError);
  });
});

describe('a pooler in between', () => {
  it('is refused, with what to do', async () => {
    const pooler = await pretendedPooler(connectionString);
    const error = await failure(postgres({ connectionString: pooler.connectionString }));
    await pooler.close();
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ message: expect.stringContaining('set transactionPooler: true') });
  });

  it('is worked with where it is announced: nothing is prepared, nothing listens, and readers poll', async () => {
    const pooler = await pretendedPooler(connectionString);
    const url = new URL(pooler.connectionString);
    url.searchParams.set('application_name', 'pooled');
    const schema = server?.schema();
    const options = { connectionString: url.href, schema, transactionPooler: true, pollMs: 20 };
    const backend = postgres(options);
    const other = postgres(options);
    await using(backend, () =>
      using(other, async () => {
        const subscription = backend.events.subscribe();
        await other.events.append('a', [event, event]);
        await other.transaction((tx) => tx.append([{ stream: 'a', events: [event], expectedVersion: 1 }]));
        let seen = 0;
        for await (const { events } of subscription) if ((seen += events.length) === 3) break;
        await backend.transaction(async (tx) => {
          const { rows } = await tx.query('SELECT count(*) AS count FROM pg_prepared_statements');
          expect(rows).toEqual([{ count: 0n }]);
        });
        const client = new Client({ connectionString });
        await client.connect();
        const { rows } = await client.query(
          "SELECT count(*)::integer AS count FROM pg_stat_activity WHERE application_name = 'pooled' AND query LIKE 'LISTEN%'",
        );
        await client.end();
        expect(rows).toEqual([{ count: 0 }]);
      }),
    );
    await pooler.close();
  });
});

describe('wake-ups', () => {
  /** Far longer than a test may take: what comes was not polled for. */
  const pollMs = 600_000;

  it('tell other processes of what was committed, and again after the connection for it was lost', async () => {
    const schema = server?.schema();
    const named = new URL(connectionString);
    const application = `listener_${schema}`;
    named.searchParams.set('application_name', application);
    const writer = postgres({ connectionString, schema, pollMs });
    const reader = postgres({ connectionString: named.href, schema, pollMs });
    const killer = new Client({ connectionString });
    await killer.connect();
    const listening = async (but: number): Promise<number> => {
      for (;;) {
        const { rows } = await killer.query<{ readonly pid: number }>(
          "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND query LIKE 'LISTEN%' AND state = 'idle' AND pid <> $2",
          [application, but],
        );
        if (rows[0] !== undefined) return rows[0].pid;
      }
    };
    await using(writer, () =>
      using(reader, async () => {
        const batches = reader.events.subscribe()[Symbol.asyncIterator]();
        const next = async (): Promise<readonly unknown[]> => {
          for (;;) {
            const batch = await batches.next();
            if (batch.done === true) return [];
            if (batch.value.events.length > 0) return batch.value.events.map(({ data }) => data);
          }
        };
        const pid = await listening(0);
        const first = next();
        await writer.events.append('a', [{ type: 'T', data: 'by itself' }]);
        expect(await first).toEqual(['by itself']);
        const second = next();
        await writer.transaction((tx) =>
          tx.append([{ stream: 'a', events: [{ type: 'T', data: 'in a transaction' }] }]),
        );
        expect(await second).toEqual(['in a transaction']);
        const third = next();
        await killer.query('SELECT pg_terminate_backend($1)', [pid]);
        await writer.events.append('a', [{ type: 'T', data: 'while nobody listened' }]);
        expect(await third).toEqual(['while nobody listened']);
        await listening(pid);
        const fourth = next();
        await writer.events.append('a', [{ type: 'T', data: 'listening again' }]);
        expect(await fourth).toEqual(['listening again']);
      }),
    );
    await killer.end();
  });

  it('pitfall 23: are no part of any append, in no function and by no trigger', async () => {
    const schema = server?.schema();
    const backend = postgres({ connectionString, schema });
    await using(backend, () =>
      backend.transaction(async (tx) => {
        const { rows } = await tx.query(
          `SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE n.nspname = '${schema}' AND p.prosrc ~* 'notify'
           UNION ALL
           SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = '${schema}' AND c.relname IN ('events', 'streams') AND t.tgtype & 4 <> 0`,
        );
        expect(rows).toEqual([]);
      }),
    );
  });
});

describe('SQL in transactions', () => {
  it('takes and gives values of JavaScript, bigint as bigint, and says how much was changed', async () => {
    const backend = postgres({ connectionString, schema: server?.schema() });
    await using(backend, () =>
      backend.transaction(async (tx) => {
        await tx.query('CREATE TEMPORARY TABLE things (id bigint, name text, info json)');
        const values = [1n, 'a', { b: 1 }];
        expect((await tx.query('INSERT INTO things VALUES ($1, $2, $3)', values)).affectedRows).toBe(1);
        expect(await tx.query('SELECT * FROM things')).toEqual({
          rows: [{ id: 1n, name: 'a', info: { b: 1 } }],
          affectedRows: 0,
        });
        const circle: unknown[] = [];
        circle.push({ circle });
        await expect(tx.query('SELECT $1::json', [circle[0]])).rejects.toThrow(TypeError);
      }),
    );
  });

  it('fails by a typed error without statement and parameters, and cannot be committed then', async () => {
    const backend = postgres({ connectionString, schema: server?.schema() });
    await using(backend, async () => {
      const attempt = backend.transaction(async (tx) => {
        await tx.append([{ stream: 'a', events: [event] }]);
        const error: unknown = await tx
          .query('SELECT $1::integer', ['secret'])
          .catch((reason: unknown) => reason);
        expect(error).toMatchObject({ name: 'SqlError', sqlState: '22P02' });
        expect(everythingOf(error)).not.toMatch(/SELECT/);
      });
      await expect(attempt).rejects.toMatchObject({ name: 'SqlError', sqlState: '25P02' });
      expect(await backend.events.streamVersion('a')).toBeUndefined();
      await backend.transaction(async (tx) => {
        await tx.query('SELECT 1');
        await expect(backend.events.append('a', [event])).rejects.toThrow(TransactionError);
      });
    });
  });
});
