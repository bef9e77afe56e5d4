import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { type Application, type Backend, createApp } from '@tidemark/core';
import { type ProjectionDefinition, Projections } from '@tidemark/projections';
import { startPostgres, type TestServer } from '../support/postgres-server.js';
import { Enter, Entered, ledger, ledgerTable, Writer } from './ledger.js';

describe('generations that another process switches, on PostgreSQL', () => {
  let server: TestServer;
  const running: Application[] = [];

  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterEach(async () => {
    await Promise.all(running.splice(0).map((app) => app.stop()));
  });
  afterAll(() => server.close());

  const process = async (schema: string, ...register: ProjectionDefinition[]) => {
    const backend = postgres({ connectionString: server.connectionString, schema, pollMs: 50 });
    const app = createApp({ backend, register: [Writer, ...register] });
    running.push(app);
    await app.start();
    return { app, backend, projections: app.get(Projections) };
  };

  const append = async (backend: Backend, count: number): Promise<bigint> => {
    const { position } = await backend.events.append(
      'entries',
      Array.from({ length: count }, () => ({ type: 'ledger.entered', data: new Entered(['a'], 1) })),
    );
    return position;
  };

  it('are seen by reads within a second, and a generation that was dropped under a read is none', async () => {
    const schema = server.schema();
    const books = ledger('books', 'inline');
    const one = await process(schema, books);
    const other = await process(schema, ledger('books', 'inline'));
    await one.app.send(new Enter('w', ['a'], [1]));
    const model = other.projections.of(ledger('books', 'inline'));
    const ended = new AbortController();
    let reads = 0;
    const reading = (async () => {
      while (!ended.signal.aborted) {
        expect((await model.get('a'))?.count).toBe(1);
        expect(await model.count({ count: { gte: 1 } })).toBeGreaterThan(0);
        expect((await model.find({ orderBy: 'count' })).documents[0]).toMatchObject({
          document: { count: 1 },
        });
        reads += 1;
      }
    })();
    // Each rebuild drops what the other process knew as active.
    for (let round = 0; round < 8; round += 1) await one.projections.rebuild('books');
    await one.app.send(new Enter('w', ['b'], [1]));
    const sawIt = async (): Promise<void> => {
      while ((await model.get('b')) === undefined) expect(reads).toBeLessThan(1_000_000);
    };
    await sawIt();
    ended.abort();
    await reading;
    expect(reads).toBeGreaterThan(8);
    expect(other.projections.status('books').active.number).toBe(9);
  }, 60_000);

  it('show whole tables behind their view, whoever switches', async () => {
    const schema = server.schema();
    const one = await process(schema, ledgerTable('view', 'inline'));
    const other = await process(schema, ledgerTable('view', 'inline'));
    await one.app.send(new Enter('w', ['a'], [1]));
    const ended = new AbortController();
    const reading = (async () => {
      while (!ended.signal.aborted) {
        const { rows } = await other.projections.query('SELECT count FROM view_books');
        expect(rows).toEqual([{ count: 1 }]);
      }
    })();
    for (let round = 0; round < 8; round += 1) await one.projections.rebuild('view');
    ended.abort();
    await reading;
  }, 60_000);

  it('pitfall 17: are gone on with exactly by a runner that fed the one before', async () => {
    const schema = server.schema();
    const one = await process(schema, ledger('books'));
    const other = await process(schema, ledger('books'));
    let appended = 0;
    for (let round = 0; round < 6; round += 1) {
      // Only one feeds while the other rebuilds and switches under it.
      const [rebuilding, feeding] = round % 2 === 0 ? [one, other] : [other, one];
      const head = await append(feeding.backend, 7);
      appended += 7;
      await rebuilding.projections.rebuild('books', { batchSize: 3 });
      const next = await append(feeding.backend, 5);
      appended += 5;
      for (const { projections } of [rebuilding, feeding]) {
        await projections.waitFor(head, { timeoutMs: 20_000 });
        await projections.waitFor(next, { timeoutMs: 20_000 });
        expect((await projections.of(ledger('books')).get('a'))?.count).toBe(appended);
      }
    }
    expect(one.projections.status('books').active.number).toBe(7);
    expect((await one.backend.checkpoints.list()).map(({ processor }) => processor)).toEqual(['books@7']);
  }, 120_000);

  it('pitfall 2 and 3: a second process on one projection counts nothing twice, and takes over', async () => {
    const schema = server.schema();
    const processes = [await process(schema, ledger('books')), await process(schema, ledger('books'))];
    let appended = 0;
    let head = 0n;
    for (let round = 0; round < 40; round += 1) {
      head = await append((processes[round % 2] as (typeof processes)[0]).backend, 3);
      appended += 3;
    }
    for (const { projections } of processes) {
      await projections.waitFor(head, { timeoutMs: 20_000 });
      expect((await projections.of(ledger('books')).get('a'))?.count).toBe(appended);
    }
    await processes[0]?.app.stop();
    const { backend, projections } = processes[1] as (typeof processes)[0];
    await projections.waitFor(await append(backend, 1), { timeoutMs: 20_000 });
    expect((await projections.of(ledger('books')).get('a'))?.count).toBe(appended + 1);
  }, 120_000);

  it('of a raised version are built by two processes at once, and switched to once', async () => {
    const schema = server.schema();
    const before = await process(schema, ledger('books'));
    await before.projections.waitFor(await append(before.backend, 100));
    await before.app.stop();
    const raised = await Promise.all([1, 2].map(() => process(schema, ledger('books', 'async', 2))));
    for (const { app, backend, projections } of raised) {
      await projections.waitFor(await backend.events.head(), { timeoutMs: 20_000 });
      expect((await projections.of(ledger('books', 'async', 2)).get('a'))?.count).toBe(100);
      expect(projections.status('books').active).toEqual({ number: 2, version: 2 });
      expect(app.health().reasons.filter((reason) => reason.includes('could not be switched'))).toEqual([]);
    }
  }, 60_000);
});
