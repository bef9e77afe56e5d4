import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { type Application, type Class, type Definition, createApp } from '@tidemark/core';
import { Projections } from '@tidemark/projections';
import { startPostgres, type TestServer } from '../support/postgres-server.js';
import { type Book, Enter, Entered, ledger, ledgerTable, Writer } from './ledger.js';

const seed = Math.floor(Math.random() * 2 ** 31);

/** Numbers that a seed gives (mulberry32), so that a failed run can be had again. */
const randomOf = (start: number): (() => number) => {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

describe(`inline projections of two processes on PostgreSQL (seed ${seed})`, () => {
  let server: TestServer;
  const running: Application[] = [];

  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterEach(async () => {
    await Promise.all(running.splice(0).map((app) => app.stop()));
  });
  afterAll(() => server.close());

  const process = async (schema: string, ...register: (Class | Definition)[]) => {
    const backend = postgres({ connectionString: server.connectionString, schema, pollMs: 50 });
    const app = createApp({ backend, register: [Writer, ...register], commandAttempts: 200 });
    running.push(app);
    await app.start();
    return { app, backend, projections: app.get(Projections) };
  };

  /** Commands of many writers, some of which fail, from several processes at once. */
  const enterMany = async (
    apps: readonly Application[],
    random: () => number,
    { commands = 60, lanes = 4, poison = 0.1 } = {},
  ): Promise<number> => {
    let entered = 0;
    const lane = async (app: Application): Promise<void> => {
      for (let index = 0; index < commands; index += 1) {
        const books = ['a', 'b', 'c', 'd'].filter(() => random() < 0.5);
        const amounts = [...Array(1 + Math.floor(random() * 3)).keys()].map(() => Math.floor(random() * 10));
        if (random() < poison) amounts.push(13);
        if (random() < 0.02) amounts.push(99);
        const failed = await app.send(new Enter(`w${Math.floor(random() * 5)}`, books, amounts)).then(
          () => false,
          (error: unknown) => {
            expect(error).toMatchObject({ code: 'projection-handler', event: { type: 'ledger.entered' } });
            return true;
          },
        );
        expect(failed).toBe(amounts.includes(13) && books.length > 0);
        if (!failed) entered += amounts.length;
      }
    };
    await Promise.all(apps.flatMap((app) => [...Array(lanes)].map(() => lane(app))));
    return entered;
  };

  const documents = async (projections: Projections, name: string, mode: 'async' | 'inline', version = 1) =>
    (await projections.of(ledger(name, mode, version)).find()).documents;

  it('give the documents that the same projection gives that follows the log', async () => {
    const schema = server.schema();
    const definitions = () => [ledger('inline', 'inline'), ledger('later')] as const;
    const [one, other] = [
      await process(schema, ...definitions()),
      await process(schema, ledger('inline', 'inline')),
    ];
    const random = randomOf(seed);
    const entered = await enterMany([one.app, other.app], random);
    const head = await one.backend.events.head();
    await one.projections.waitFor(head, { timeoutMs: 30_000 });
    const inline = await documents(one.projections, 'inline', 'inline');
    expect(inline).toEqual(await documents(one.projections, 'later', 'async'));
    expect(inline).toEqual(await documents(other.projections, 'inline', 'inline'));
    expect(entered).toBeGreaterThan(100);
    await one.projections.rebuild('inline');
    expect(await documents(one.projections, 'inline', 'inline')).toEqual(inline);
  }, 120_000);

  it('lose no update where commands on different streams touch one document, and show it to who sent them', async () => {
    const schema = server.schema();
    const [one, other] = [
      await process(schema, ledger('inline', 'inline')),
      await process(schema, ledger('inline', 'inline')),
    ];
    const each = 40;
    await Promise.all(
      [one, other].flatMap(({ app, projections }, side) =>
        [...Array(5).keys()].map(async (lane) => {
          const books = projections.of(ledger('inline', 'inline'));
          let last = 0;
          for (let index = 0; index < each; index += 1) {
            await app.send(new Enter(`w${side}-${lane}`, index % 2 === 0 ? ['x', 'y'] : ['y', 'x'], [1]));
            const { count } = (await books.get('x')) as Book;
            expect(count).toBeGreaterThan(last);
            last = count;
          }
        }),
      ),
    );
    const books = await documents(other.projections, 'inline', 'inline');
    expect(books.map(({ key, document }) => [key, document.count])).toEqual([
      ['x', each * 10],
      ['y', each * 10],
    ]);
  }, 120_000);

  it('let table handlers read and write one after another', async () => {
    const schema = server.schema();
    const tables = () => [ledgerTable('inline_table', 'inline'), ledgerTable('later_table', 'async')];
    const [one, other] = [
      await process(schema, ...tables()),
      await process(schema, ledgerTable('inline_table', 'inline')),
    ];
    const random = randomOf(seed + 1);
    await enterMany([one.app, other.app], random, { commands: 20, poison: 0 });
    await one.projections.waitFor(await one.backend.events.head(), { timeoutMs: 30_000 });
    const [inline, later] = await Promise.all(
      ['inline_table_books', 'later_table_books'].map((table) =>
        one.projections.query(`SELECT * FROM ${table} ORDER BY book`),
      ),
    );
    expect(inline?.rows.length).toBe(4);
    expect(inline?.rows).toEqual(later?.rows);
  }, 120_000);

  it('pitfall 17: count every event once while they are rebuilt again and again under appends of two processes', async () => {
    const schema = server.schema();
    const definition = ledger('inline', 'inline');
    const [one, other] = [
      await process(schema, definition, ledger('later')),
      await process(schema, ledger('inline', 'inline')),
    ];
    const ended = new AbortController();
    const random = randomOf(seed + 2);
    const entering = enterMany([one.app, other.app], random, { commands: 80 }).finally(() => ended.abort());
    let rebuilds = 0;
    while (!ended.signal.aborted) {
      await (rebuilds % 2 === 0 ? one : other).projections.rebuild('inline', { batchSize: 20 });
      rebuilds += 1;
    }
    await entering;
    await one.projections.waitFor(await one.backend.events.head(), { timeoutMs: 30_000 });
    const later = await documents(one.projections, 'later', 'async');
    expect(rebuilds).toBeGreaterThan(2);
    for (const { projections } of [one, other]) {
      expect(await documents(projections, 'inline', 'inline')).toEqual(later);
    }
    expect(await one.backend.checkpoints.list()).toMatchObject([{ processor: 'later@1' }]);
  }, 120_000);

  it('are built from the log that there is before commands are taken, by whichever process is faster', async () => {
    const schema = server.schema();
    const first = await process(schema, ledger('later'));
    for (let index = 0; index < 30; index += 1) {
      await first.app.send(new Enter(`w${index % 4}`, ['a', 'b'], [1, 2, 3]));
    }
    const starting = await Promise.all([1, 2, 3].map(() => process(schema, ledger('inline', 'inline'))));
    await Promise.all(starting.map(({ app }) => app.send(new Enter('new', ['a'], [5]))));
    await first.projections.waitFor(await first.backend.events.head(), { timeoutMs: 30_000 });
    const later = await documents(first.projections, 'later', 'async');
    for (const { projections } of starting) {
      expect(await documents(projections, 'inline', 'inline')).toEqual(later);
    }
    expect(later[0]?.document.count).toBe(93);
  }, 120_000);

  it('fail the commands of a process whose version another one has replaced', async () => {
    const schema = server.schema();
    const old = await process(schema, ledger('inline', 'inline'));
    await old.app.send(new Enter('w', ['a'], [1]));
    const raised = await process(schema, ledger('inline', 'inline', 2));
    await raised.app.send(new Enter('w', ['a'], [2]));
    await expect(old.app.send(new Enter('w', ['a'], [3]))).rejects.toMatchObject({
      code: 'projection-replaced',
      message: expect.stringContaining('another process has switched to version 2 (inline)'),
    });
    expect((await documents(raised.projections, 'inline', 'inline', 2))[0]?.document.count).toBe(2);
  }, 60_000);

  it('do not see what was appended past the application, until they are rebuilt', async () => {
    const schema = server.schema();
    const { app, backend, projections } = await process(schema, ledger('inline', 'inline'));
    await app.send(new Enter('w', ['a'], [1]));
    await backend.events.append('elsewhere', [{ type: 'ledger.entered', data: new Entered(['a'], 2) }]);
    const books = projections.of(ledger('inline', 'inline'));
    expect(await books.get('a')).toMatchObject({ count: 1 });
    await projections.rebuild('inline');
    expect(await books.get('a')).toMatchObject({ count: 2, sum: 3 });
  }, 60_000);
});
