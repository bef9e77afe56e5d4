import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pglite } from '@tidemark/adapters/pglite';
import { type Application, createApp, memory } from '@tidemark/core';
import { Projections } from '@tidemark/projections';
import fc from 'fast-check';
import { Enter, ledger, ledgerTable, Writer } from './ledger.js';

describe('inline projections on PGlite', () => {
  let app: Application;
  let projections: Projections;

  beforeAll(async () => {
    app = createApp({
      backend: pglite(),
      register: [
        Writer,
        ledger('inline', 'inline'),
        ledger('later'),
        ledgerTable('inline_table', 'inline'),
        ledgerTable('later_table', 'async'),
      ],
    });
    await app.start();
    projections = app.get(Projections);
  }, 60_000);
  afterAll(() => app.stop());

  it('give what the same projections give that follow the log, and are rebuilt under appends', async () => {
    const commands = [...Array(60).keys()].map(
      (n) => new Enter(`w${n % 7}`, n % 3 === 0 ? ['a', 'b'] : ['b'], [n % 10]),
    );
    const sent = Promise.all(commands.map((command) => app.send(command)));
    await projections.rebuild('inline', { batchSize: 7 });
    await projections.rebuild('inline_table', { batchSize: 7 });
    const results = await sent;
    for (const result of results) await projections.waitFor(result);
    const [inline, later] = [ledger('inline', 'inline'), ledger('later')].map((each) => projections.of(each));
    expect(await inline?.get('a')).toMatchObject({ count: 20 });
    expect((await inline?.find())?.documents).toEqual((await later?.find())?.documents);
    const rows = async (table: string) =>
      (await projections.query(`SELECT * FROM ${table}_books ORDER BY book`)).rows;
    expect(await rows('inline_table')).toEqual(await rows('later_table'));
    expect(projections.status('inline_table').active.number).toBe(2);
  }, 60_000);

  it('roll back documents, tables and the append together', async () => {
    const before = await projections.query('SELECT * FROM inline_table_books ORDER BY book');
    await expect(app.send(new Enter('w0', ['a'], [1, 13]))).rejects.toMatchObject({
      code: 'projection-handler',
      projection: 'inline',
      event: { type: 'ledger.entered' },
    });
    expect((await projections.query('SELECT * FROM inline_table_books ORDER BY book')).rows).toEqual(
      before.rows,
    );
  });
});

describe('inline and async projections of one definition', () => {
  it('give the same documents for any commands, some of which fail, and rebuilds at any moment', async () => {
    const command = fc.record({
      writer: fc.constantFrom('v', 'w'),
      books: fc.uniqueArray(fc.constantFrom('a', 'b', 'c')),
      amounts: fc.array(fc.oneof(fc.nat(9), fc.constantFrom(13, 99)), { minLength: 1, maxLength: 3 }),
      rebuild: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 12 }), async (commands) => {
        const backend = memory();
        const app = createApp({
          backend,
          register: [Writer, ledger('inline', 'inline'), ledger('later')],
        });
        await app.start();
        const projections = app.get(Projections);
        let rebuilding: Promise<unknown> = Promise.resolve();
        await Promise.all(
          commands.map(async ({ writer, books, amounts, rebuild }) => {
            if (rebuild) rebuilding = rebuilding.then(() => projections.rebuild('inline', { batchSize: 2 }));
            const isRefused = books.length > 0 && amounts.includes(13);
            const sent = app.send(new Enter(writer, books, amounts));
            if (isRefused) await expect(sent).rejects.toMatchObject({ code: 'projection-handler' });
            else await sent;
          }),
        );
        await rebuilding;
        await projections.waitFor(await backend.events.head());
        const [inline, later] = await Promise.all(
          [ledger('inline', 'inline'), ledger('later')].map((each) => projections.of(each).find()),
        );
        await app.stop();
        expect(inline?.documents).toEqual(later?.documents);
      }),
    );
  });
});
