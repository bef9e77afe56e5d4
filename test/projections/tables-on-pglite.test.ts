import { afterEach, describe, expect, it } from '@jest/globals';
import { pglite } from '@tidemark/adapters/pglite';
import {
  type Application,
  type Backend,
  type Class,
  createApp,
  type Definition,
  Event,
  On,
  type Transaction,
} from '@tidemark/core';
import { Projection, Projections, type TableContext, tableProjection } from '@tidemark/projections';

@Event({ name: 'till.sold' })
class Sold {
  constructor(
    readonly article: string,
    readonly cents: number,
  ) {}
}

@Projection({ kind: 'table', name: 'takings', tables: ['takings', 'sales'] })
class Takings {
  async setup(tx: Transaction, { takings, sales }: Record<'takings' | 'sales', string>): Promise<void> {
    await tx.query(`CREATE TABLE ${takings} (article text PRIMARY KEY, cents bigint NOT NULL)`);
    await tx.query(`CREATE TABLE ${sales} (position bigint PRIMARY KEY, live boolean NOT NULL)`);
  }

  @On() async sold(
    event: Sold,
    tx: Transaction,
    { tables, event: { position }, isReplay }: TableContext,
  ): Promise<void> {
    await tx.query(
      `INSERT INTO ${tables['takings']} AS t VALUES ($1, $2)
         ON CONFLICT (article) DO UPDATE SET cents = t.cents + excluded.cents`,
      [event.article, event.cents],
    );
    await tx.query(`INSERT INTO ${tables['sales']} VALUES ($1, $2)`, [position, !isReplay]);
    if (event.article === 'poison') throw new Error('the till is stuck');
  }
}

const running: Application[] = [];

const start = async (backend: Backend, ...register: readonly (Class | Definition)[]) => {
  const app = createApp({ backend, register });
  running.push(app);
  await app.start();
  return { app, projections: app.get(Projections) };
};

const sell = async (backend: Backend, ...articles: readonly string[]): Promise<bigint> => {
  const { position } = await backend.events.append(
    'till',
    articles.map((article, index) => ({ type: 'till.sold', data: new Sold(article, 100 + index) })),
  );
  return position;
};

/** As the figures of a query, whatever the driver makes of bigint. */
const takings = async (projections: Projections): Promise<readonly string[]> => {
  const { rows } = await projections.query<{ article: string; cents: string | number | bigint }>(
    'SELECT article, cents FROM takings ORDER BY article',
  );
  return rows.map(({ article, cents }) => `${article} ${cents}`);
};

/** The tables of all generations. */
const tablesIn = async (projections: Projections): Promise<readonly string[]> => {
  const { rows } = await projections.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relname LIKE '%@%' ORDER BY relname`,
  );
  return rows.map(({ name }) => name);
};

afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.stop()));
});

describe('a table projection on PGlite', () => {
  it('writes its own SQL exactly once, and is read through views of the active generation', async () => {
    const backend = pglite();
    const { projections } = await start(backend, Takings);
    await projections.waitFor(await sell(backend, 'tea', 'cake', 'tea'));
    expect(await takings(projections)).toEqual(['cake 101', 'tea 202']);
    expect(() => projections.of(Takings)).toThrow(/writes tables, not documents/);

    expect(await projections.rebuild('takings')).toMatchObject({ generation: 2, handled: 3 });
    expect(await takings(projections)).toEqual(['cake 101', 'tea 202']);
    expect(await tablesIn(projections)).toEqual(['sales@2', 'takings@2']);
    await projections.waitFor(await sell(backend, 'cake'));
    const { rows } = await projections.query<{ live: boolean }>('SELECT live FROM sales ORDER BY position');
    expect(rows.map(({ live }) => live)).toEqual([false, false, false, true]);
  });

  it('rolls back what a failed handler wrote, and says which event it was', async () => {
    const backend = pglite();
    const { app, projections } = await start(backend, Takings);
    await projections.waitFor(await sell(backend, 'tea'));
    await app.stop();
    const again = await start(backend, Takings);
    const waiting = again.projections.waitFor(await sell(backend, 'poison'), { timeoutMs: 20_000 });
    await expect(waiting).rejects.toThrow(/takings/);
    expect(again.projections.status('takings').processor?.failure?.error).toMatchObject({
      code: 'projection-handler',
      key: undefined,
      event: { type: 'till.sold', stream: 'till' },
    });
  });

  it('changes its columns with its version, and shows the new ones once they are built', async () => {
    const backend = pglite();
    const counted = (version: number, columns: string) =>
      tableProjection({
        name: 'counted',
        version,
        tables: ['counted'],
        setup: (tx, tables) => tx.query(`CREATE TABLE ${tables.counted} (${columns})`),
        handlers: (on) => [
          on('till.sold', ({ article }: { article: string }, tx, { tables }) =>
            tx.query(`INSERT INTO ${tables.counted} (article) VALUES ($1)`, [article]),
          ),
        ],
      });
    const backendKeptOpen: Backend = { ...portsOf(backend), close: async () => undefined };
    const first = await start(backendKeptOpen, counted(1, 'article text'));
    await first.projections.waitFor(await sell(backend, 'tea'));
    expect((await first.projections.query('SELECT * FROM counted')).rows).toEqual([{ article: 'tea' }]);
    await first.app.stop();

    const second = await start(
      backendKeptOpen,
      counted(2, 'n int GENERATED ALWAYS AS IDENTITY, article text'),
    );
    await second.projections.waitFor(await sell(backend, 'cake'));
    expect((await second.projections.query('SELECT * FROM counted ORDER BY n')).rows).toEqual([
      { n: 1, article: 'tea' },
      { n: 2, article: 'cake' },
    ]);
    await second.app.stop();
    await backend.close();
  });

  it('is refused: names that are no tables, none, the same twice, or those of another', () => {
    const named = (name: string, ...tables: readonly string[]) =>
      tableProjection({
        name,
        tables,
        setup: async () => undefined,
        handlers: (on) => [on(Sold, () => undefined)],
      });
    expect(() => named('bad', 'Bad Name')).toThrow(/has a table "Bad Name"/);
    expect(() => named('none')).toThrow(/needs the names of its tables/);
    expect(() => named('twice', 'a', 'a')).toThrow(/names a table twice/);
    expect(() =>
      createApp({ backend: pglite(), register: [named('one', 'a'), named('two', 'b', 'a')] }),
    ).toThrow(/Projections "one" .* and "two" .* both have a table "a"/);
  });
});

const portsOf = (backend: Backend): Omit<Backend, 'close'> => ({
  name: backend.name,
  sql: backend.sql,
  events: backend.events,
  checkpoints: backend.checkpoints,
  snapshots: backend.snapshots,
  documents: backend.documents,
  timers: backend.timers,
  leases: backend.leases,
  deadLetters: backend.deadLetters,
  nodes: backend.nodes,
  open: () => backend.open(),
  transaction: (work) => backend.transaction(work),
});
