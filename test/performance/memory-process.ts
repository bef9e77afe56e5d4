import { setTimeout as wait } from 'node:timers/promises';
import { postgres } from '@tidemark/adapters/postgres';
import { Client } from 'pg';
import { PgSession } from './bare/pg-session.js';
import { BareSqlLog } from './bare/sql-log.js';
import { checkDone } from './harness.js';
import { catchUp, counting, newRunner } from './no-op-processor.js';

/** How long those that have nothing to do are watched, in milliseconds. */
const watchedMs = 3_000;

/** Subscriptions that wait for an event that never comes. */
const subscriptions = 100;

const [mode, connectionString = '', count = '0'] = process.argv.slice(2);
const events = Number(count);
const megabytes = (bytes: number): number => bytes / 1_000_000;

/** The most memory that this process ever had, in megabytes; Node compiles the sources in it, too. */
const peak = (): number => megabytes(process.resourceUsage().maxRSS * 1_024);

const catchUpOurs = async (): Promise<number> => {
  const backend = postgres({ connectionString });
  await backend.open();
  let handled = 0;
  const runner = newRunner(
    backend,
    counting('synchronous', () => {
      handled += 1;
    }),
  );
  await catchUp(runner, await backend.events.head());
  checkDone('events handled', handled, events);
  await backend.checkpoints.reset(runner.definition.name);
  await backend.close();
  return peak();
};

const catchUpBare = async (): Promise<number> => {
  const client = new Client({ connectionString });
  await client.connect();
  let after = '0';
  let handled = 0;
  for (;;) {
    const { rows } = await client.query<{ readonly position: string }>({
      name: 'page',
      text: 'SELECT * FROM tidemark.events WHERE position > $1::bigint ORDER BY position LIMIT 500',
      values: [after],
    });
    handled += rows.length;
    const last = rows.at(-1);
    if (last === undefined) break;
    after = last.position;
  }
  checkDone('events read', handled, events);
  await client.end();
  return peak();
};

/** Statements a second that the database has had to do while nobody had anything to do. */
const watch = async (): Promise<number> => {
  const client = new Client({ connectionString });
  await client.connect();
  const commits = async (): Promise<number> => {
    await wait(1_200); // Sessions tell of what they did once a second.
    const { rows } = await client.query<{ readonly count: string }>(
      'SELECT xact_commit AS count FROM pg_stat_database WHERE datname = current_database()',
    );
    return Number(rows[0]?.count);
  };
  const before = await commits();
  const begin = performance.now();
  await wait(watchedMs);
  const done = (await commits()) - before;
  await client.end();
  return (done / (performance.now() - begin)) * 1_000;
};

const idleOurs = async () => {
  const backend = postgres({ connectionString });
  await backend.open();
  const after = await backend.events.head();
  const following = Array.from({ length: subscriptions }, (_, index) =>
    backend.events.subscribe({ after, filter: { types: [`never-${index}`] } }),
  );
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const ends = following.map(async (subscription) => {
    for await (const batch of subscription) checkDone('events of no type', batch.events.length, 0);
  });
  const statements = await watch();
  globalThis.gc?.();
  const size = megabytes(process.memoryUsage().rss - before);
  await backend.close();
  await Promise.all(ends);
  return { statements, size };
};

/** By hand: each looks for itself, as often as ours do. */
const idleBare = async () => {
  const log = await BareSqlLog.open(PgSession.open(connectionString));
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const timers = Array.from({ length: subscriptions }, () => setInterval(() => void log.page('0'), 500));
  const statements = await watch();
  globalThis.gc?.();
  const size = megabytes(process.memoryUsage().rss - before);
  for (const timer of timers) clearInterval(timer);
  await log.close();
  return { statements, size };
};

const figures: Readonly<Record<string, () => Promise<number>>> = {
  catchUpOurs,
  catchUpBare,
  idleSizeOurs: async () => Math.max((await idleOurs()).size, 0.01),
  idleSizeBare: async () => Math.max((await idleBare()).size, 0.01),
  idleStatementsOurs: async () => (await idleOurs()).statements,
  idleStatementsBare: async () => (await idleBare()).statements,
};

const figure = figures[mode ?? ''];
if (figure === undefined) throw new Error(`There is no figure "${mode}".`);
console.log(await figure());
