import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  ConcurrencyError,
  ConfigurationError,
  StoreUnavailableError,
  TransactionError,
} from '@tidemark/core';
import type { Backend, IndexedValue } from '@tidemark/core';
import { memory } from '@tidemark/core';
import fc from 'fast-check';
import { SqlError } from '../sql/driver.js';
import { migrate } from '../sql/migrate.js';
import { SchemaNames } from '../sql/schema-names.js';
import { openDatabase } from './open-database.js';
import { PgliteDriver } from './pglite-driver.js';
import { pglite } from './pglite.js';

const backend = pglite({ schema: 'Other Schema' });
beforeAll(() => backend.open());
afterAll(() => backend.close());

const event = (id?: string) => ({ type: 'T', data: {}, id });
const rollback = new Error('roll back');

describe('SQL in transactions', () => {
  it('takes and gives values of JavaScript, bigint as bigint', async () => {
    await backend.transaction(async (tx) => {
      await tx.query('CREATE TABLE things (id bigint PRIMARY KEY, name text, info json)');
      const inserted = await tx.query('INSERT INTO things VALUES ($1, $2, $3), ($4, $5, $6)', [
        1n,
        'a',
        { b: 1 },
        2,
        null,
        null,
      ]);
      expect(inserted.affectedRows).toBe(2);
      const { rows } = await tx.query<{ id: bigint; name: string | null }>(
        'SELECT * FROM things ORDER BY id',
      );
      expect(rows).toEqual([
        { id: 1n, name: 'a', info: { b: 1 } },
        { id: 2n, name: null, info: null },
      ]);
    });
  });

  it('fails by a typed error with the state and the constraint, but neither statement nor parameters', async () => {
    const error: unknown = await backend
      .transaction(async (tx) => tx.query('INSERT INTO things VALUES ($1, $2)', [1n, 'secret']))
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SqlError);
    expect(error).toMatchObject({ code: 'sql', sqlState: '23505', constraint: 'things_pkey' });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/secret|INSERT/);
  });

  it('cannot be committed once a statement failed, even if its error is caught', async () => {
    const attempt = backend.transaction(async (tx) => {
      await tx.append([{ stream: 'caught', events: [event()] }]);
      await expect(tx.query('SELECT 1/0')).rejects.toMatchObject({ sqlState: '22012' });
    });
    await expect(attempt).rejects.toMatchObject({ name: 'SqlError', sqlState: '25P02' });
    expect(await backend.events.streamVersion('caught')).toBeUndefined();
  });

  it('sees what it appended, and goes on after a conflict', async () => {
    await backend.transaction(async (tx) => {
      await tx.append([{ stream: 'own', events: [event()] }]);
      await expect(
        tx.append([{ stream: 'own', events: [event()], expectedVersion: 'no-stream' }]),
      ).rejects.toThrow(ConcurrencyError);
      await tx.append([{ stream: 'own', events: [event(), event()], expectedVersion: 0 }]);
    });
    expect(await backend.events.streamVersion('own')).toBe(2);
  });

  it('refuses whoever asks the backend from inside, and would wait for ever', async () => {
    await backend.transaction(async (tx) => {
      await expect(backend.events.append('inside', [event()])).rejects.toThrow(TransactionError);
      await expect(backend.events.appendAll([{ stream: 'inside', events: [event()] }])).rejects.toThrow(
        TransactionError,
      );
      await expect(backend.checkpoints.load('inside')).rejects.toThrow(TransactionError);
      await expect(backend.transaction(async () => 1)).rejects.toThrow(TransactionError);
      await tx.checkpoints.load('inside');
    });
  });
});

describe('the reservation of positions', () => {
  it('is held by a writer until its end, and readers see the log only up to it', async () => {
    const before = await backend.events.head();
    await backend.transaction(async (tx) => {
      const [result] = await tx.append([{ stream: 'reserved', events: [event()] }]);
      expect(result?.position).toBe(before + 1n);
      const { rows } = await tx.query<{ safe: bigint }>('SELECT "Other Schema".safe_position() AS safe');
      expect(rows).toEqual([{ safe: before }]);
      const locks = await tx.query("SELECT mode FROM pg_locks WHERE locktype = 'advisory'");
      expect(locks.rows).toEqual([{ mode: 'ShareLock' }]);
    });
    expect(await backend.events.head()).toBe(before + 1n);
  });

  it('is no matter of other advisory locks', async () => {
    const head = await backend.events.head();
    await backend.transaction(async (tx) => {
      const { rows } = await tx.query(
        'SELECT pg_advisory_xact_lock(5), pg_advisory_xact_lock_shared(1, 2), "Other Schema".safe_position() AS safe',
      );
      expect(rows).toMatchObject([{ safe: head }]);
    });
  });

  it('draws no position for a conflict, and leaves a harmless hole for what is rolled back', async () => {
    const head = await backend.events.head();
    await expect(backend.events.append('new', [event()], { expectedVersion: 3 })).rejects.toThrow(
      ConcurrencyError,
    );
    expect(await backend.events.head()).toBe(head);
    const attempt = backend.transaction(async (tx) => {
      await tx.append([{ stream: 'new', events: [event(), event()] }]);
      throw rollback;
    });
    await expect(attempt).rejects.toBe(rollback);
    expect((await backend.events.append('new', [event()])).position).toBe(head + 3n);
    const subscription = backend.events.subscribe({ after: head });
    for await (const batch of subscription) {
      expect(batch).toMatchObject({ position: head + 3n, caughtUp: true, events: [{ stream: 'new' }] });
      break;
    }
    await subscription.close();
  });
});

describe('many appends in one call', () => {
  it('come out one by one as if each had been alone', async () => {
    const repeated = '00000000-0000-4000-8000-000000000001';
    await backend.events.append('r', [event(repeated)]);
    await backend.events.append('c', [event()]);
    await backend.events.append('t', [event()]);
    await backend.events.tombstoneStream('t');
    await backend.events.append('d', [event()]);
    await backend.events.deleteStream('d');
    const outcomes = await Promise.allSettled([
      backend.events.append('first', [event()]),
      backend.events.append('r', [event(repeated)]),
      backend.events.append('c', [event()], { expectedVersion: 'no-stream' }),
      backend.events.append('c', [event()], { expectedVersion: 0 }),
      backend.events.append('t', [event()]),
      backend.events.append('d', [event(), event()], { expectedVersion: 'no-stream' }),
      backend.events.append('z', [event(), event(repeated), event()], { expectedVersion: 'no-stream' }),
      backend.events.append('y', [event()], { expectedVersion: 'stream-exists' }),
    ]);
    expect(
      outcomes.map((outcome) =>
        outcome.status === 'fulfilled'
          ? [outcome.value.stream, outcome.value.version, outcome.value.alreadyAppended]
          : (outcome.reason as Error).name,
      ),
    ).toEqual([
      ['first', 0, false],
      ['r', 0, true],
      'ConcurrencyError',
      ['c', 1, false],
      'StreamTombstonedError',
      ['d', 2, false],
      ['z', 2, false],
      'ConcurrencyError',
    ]);
  });

  it('pitfall 7: names stream, expected and actual version in a schema of any name', async () => {
    await backend.events.append('seven', [event(), event()]);
    await expect(backend.events.append('seven', [event()], { expectedVersion: 0 })).rejects.toMatchObject({
      name: 'ConcurrencyError',
      stream: 'seven',
      expected: 0,
      actual: 1,
    });
  });
});

describe('documents in SQL', () => {
  const value: fc.Arbitrary<IndexedValue> = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc.constantFrom(
      '',
      '\0',
      '\ud800',
      '\ue000',
      '😀',
      'a'.repeat(300),
      'a'.repeat(5_000),
      `${'a'.repeat(5_000)}b`,
    ),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer({ min: -2, max: 2 }),
    fc.boolean(),
    fc.constant(null),
  );
  const reference: Backend = memory();
  let count = 0;
  let collection = '';
  beforeEach(() => {
    count += 1;
    collection = `c${count}`;
  });

  it('are found as in memory, whatever values there are and whatever is asked', async () => {
    const condition = fc.oneof(
      fc.record({ eq: value }),
      fc.record({ in: fc.array(value, { maxLength: 3 }) }),
      fc.record({ gt: value }),
      fc.record({ lte: value }),
      fc.record({ gte: value, lt: value }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(value, { maxLength: 12 }),
        fc.array(condition, { minLength: 1, maxLength: 5 }),
        async (values, conditions) => {
          count += 1;
          const name = `p${count}`;
          for (const each of [backend, reference]) {
            await each.documents.ensure({ name, indexes: ['a.b'] });
            await each.documents.write(
              name,
              values.map((b, index) => ({ key: `k${index}`, document: { a: { b } } })),
            );
          }
          for (const where of conditions) {
            const query = { where: { 'a.b': where } };
            expect(await backend.documents.query(name, query)).toEqual(
              await reference.documents.query(name, query),
            );
            expect(await backend.documents.count(name, query.where)).toBe(
              await reference.documents.count(name, query.where),
            );
          }
          await backend.documents.drop(name);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('get new indexes filled with what is there, and lose those no longer named', async () => {
    const { documents } = backend;
    await documents.ensure({ name: collection, indexes: ['n'] });
    const changes = Array.from({ length: 1_100 }, (_, n) => ({
      key: `k${String(n).padStart(4, '0')}`,
      document: { n, half: n % 2 },
    }));
    await documents.write(collection, changes);
    await documents.ensure({ name: collection, indexes: ['half'] });
    expect(await documents.count(collection, { half: { eq: 1 } })).toBe(550);
    await expect(documents.count(collection, { n: { eq: 1 } })).rejects.toThrow('Indexed are: half');
    await documents.ensure({ name: collection, indexes: ['half', 'n'] });
    await documents.ensure({ name: collection, indexes: ['n', 'half'] });
    const page = await documents.query(collection, { orderBy: 'n', descending: true, limit: 1 });
    expect(page.documents).toEqual([{ key: 'k1099', document: { n: 1_099, half: 1 } }]);
  });

  it('know nothing of a collection that was rolled back', async () => {
    const attempt = backend.transaction(async (tx) => {
      await tx.documents.ensure({ name: collection, indexes: [] });
      await tx.documents.write(collection, [{ key: 'a', document: 1 }]);
      throw rollback;
    });
    await expect(attempt).rejects.toBe(rollback);
    await expect(backend.documents.load(collection, ['a'])).rejects.toThrow(`"${collection}" does not exist`);
  });

  it('refuse keys and cursors that cannot be', async () => {
    const { documents } = backend;
    await documents.ensure({ name: collection, indexes: ['n'] });
    await expect(documents.write(collection, [{ key: '', document: 1 }])).rejects.toThrow('changes[0].key');
    await expect(documents.query(collection, { limit: 0 })).rejects.toThrow('limit');
    expect((await documents.load(collection, ['a\0b'])).size).toBe(0);
    await documents.write(collection, []);
  });
});

describe('opening and migrating', () => {
  it('refuses the use of what is not open, by name', async () => {
    const closed = pglite();
    await expect(closed.events.append('a', [event()])).rejects.toThrow(StoreUnavailableError);
    await closed.close();
  });

  it('refuses schema names that PostgreSQL cannot have', () => {
    for (const schema of ['', 'x'.repeat(64), 'a\0b', 'pg_mine']) {
      expect(() => pglite({ schema })).toThrow(ConfigurationError);
    }
  });

  it('does each step once, and nothing of one that fails; refuses a schema from the future', async () => {
    const { database } = await openDatabase(undefined);
    const driver = new PgliteDriver();
    driver.attach(database);
    const names = new SchemaNames('steps');
    const one = { number: 1, name: 'one', sql: 'CREATE TABLE {schema}.one (id integer)' };
    const two = { number: 2, name: 'two', sql: 'CREATE TABLE {schema}.two (id integer)' };
    const broken = { number: 2, name: 'two', sql: 'CREATE TABLE {schema}.two (id integer); SELECT 1/0' };
    try {
      await migrate(driver, names, [one]);
      await expect(migrate(driver, names, [one, broken])).rejects.toThrow('division by zero');
      await migrate(driver, names, [one, two]);
      await Promise.all([migrate(driver, names, [one, two]), migrate(driver, names, [one, two])]);
      const { rows } = await driver.query('SELECT number, name FROM steps.migrations ORDER BY number', []);
      expect(rows).toEqual([
        { number: 1, name: 'one' },
        { number: 2, name: 'two' },
      ]);
      await expect(migrate(driver, names, [one])).rejects.toThrow(ConfigurationError);
    } finally {
      await driver.close();
    }
  });

  it('keeps a bounded number of statements prepared, and those in use', async () => {
    const { database } = await openDatabase(undefined);
    const driver = new PgliteDriver();
    driver.attach(database);
    try {
      for (let n = 0; n < 450; n++) {
        expect((await driver.run(`SELECT ${n} + $1::integer`, ['1'])).rows).toEqual([[String(n + 1)]]);
        expect((await driver.run("SELECT 'kept', NULL", [])).rows).toEqual([['kept', null]]);
      }
      await expect(driver.run('SELECT nonsense', [])).rejects.toMatchObject({ sqlState: '42703' });
      const { rows } = await driver.query<{ count: bigint }>(
        'SELECT count(*) FROM pg_prepared_statements',
        [],
      );
      expect(rows[0]?.count).toBeLessThanOrEqual(201n);
      expect((await driver.run("SELECT 'kept', NULL", [])).rows).toEqual([['kept', null]]);
    } finally {
      await driver.close();
    }
  });
});
