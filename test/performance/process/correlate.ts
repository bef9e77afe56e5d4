import {
  Correlations,
  createApp,
  pattern,
  patternCorrelation,
  tumbling,
  windowCorrelation,
  type Backend,
  type CorrelationDefinition,
  type RecordedEvent,
} from '@tidemark/core';
import type { BareSession } from '../bare/session.js';
import { arrayOf, type BareEvent, type BareSqlLog } from '../bare/sql-log.js';
import { checkDone, rate } from '../harness.js';
import { kept } from '../kept-backend.js';
import { type Sample, sampleType } from '../sample-events.js';
import { newName, pageSize } from './consumer.js';

/** Milliseconds that lie between two events: then what a window holds does not depend on how fast the log was written. */
const apartMs = 10;
/** Length of a window: 160 events, of about 18 keys. */
const sizeMs = 1_600;

const keyOf = ({ stream, data }: Pick<RecordedEvent, 'stream' | 'data'>): string =>
  `${stream}/${(data as Sample).quantity}`;

/** Each event of the log a little after the one before, since 1970: long ago, so no tick is needed for any. */
const timeOf = ({ position }: RecordedEvent): number => Number(position) * apartMs;

/** Sums up what is sold of each quantity in each stream, in windows. */
export const windowed = (name: string): CorrelationDefinition =>
  windowCorrelation({
    name,
    key: keyOf,
    batchSize: pageSize,
    time: timeOf,
    lateness: 0,
    whenIdle: 'wait',
    events: [sampleType],
    window: tumbling(sizeMs),
    fold: (line, items: number | undefined) => (items ?? 0) + (line as Sample).quantity,
    emit: ({ key, state, count }) => ({ type: 'sales.counted', data: { key, items: state, lines: count } }),
  });

/** Finds each line that is followed by another one of its key, which is nearly each. */
export const followed = (name: string): CorrelationDefinition =>
  patternCorrelation({
    name,
    key: keyOf,
    batchSize: pageSize,
    time: timeOf,
    lateness: 0,
    whenIdle: 'wait',
    pattern: pattern(sampleType).followedBy(sampleType).within('1h'),
    emit: () => undefined,
  });

/** Correlates the whole log, and checks that each event was taken in and what is stored of it. */
export const correlateOurs = async (
  backend: Backend,
  events: number,
  make: (name: string) => CorrelationDefinition,
): Promise<number> => {
  const name = newName();
  const app = createApp({ backend: kept(backend), register: [make(name)] });
  const speed = await rate(events, async () => {
    await app.start();
    await app.waitFor(BigInt(events), { timeoutMs: 120_000 });
  });
  const { taken, late } = await app.get(Correlations).status(name);
  checkDone('events taken in', taken, events);
  checkDone('events late', late, 0);
  await app.stop();
  return speed;
};

/** A window by hand. */
interface Open {
  readonly end: number;
  readonly items: number;
  readonly lines: number;
}

/**
 * Windows by hand: a page, the windows of its keys, one upsert, one insert of what closed, and the checkpoint in one transaction.
 * (What ends without an event of its key is left open: to find it is not measured.)
 */
export const correlateBare = async (log: BareSqlLog, events: number): Promise<number> => {
  const { session } = log;
  const name = newName();
  let lines = 0;
  const speed = await rate(events, async () => {
    await session.script(
      `CREATE TABLE ${name} (key text COLLATE "C" PRIMARY KEY, data json NOT NULL);
       CREATE TABLE ${name}_closed (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, data json NOT NULL)`,
    );
    let after = '0';
    for (;;) {
      const page = await log.page(after);
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.position;
      await session.transaction(async (tx) => {
        const { open, closed } = await windowsOf(tx, name, page);
        await tx.run(
          `INSERT INTO ${name} SELECT * FROM unnest($1::text[], $2::json[])
             ON CONFLICT (key) DO UPDATE SET data = excluded.data`,
          [arrayOf([...open.keys()]), arrayOf([...open.values()].map((window) => JSON.stringify(window)))],
        );
        await tx.run(`INSERT INTO ${name}_closed (data) SELECT * FROM unnest($1::json[])`, [
          arrayOf(closed.map((window) => JSON.stringify(window))),
        ]);
        await log.moveCheckpoint(name, last.position, tx);
      });
      lines += page.length;
      if (page.length < pageSize) return;
    }
  });
  checkDone('events taken in', lines, events);
  return speed;
};

const windowsOf = async (
  session: BareSession,
  table: string,
  page: readonly BareEvent[],
): Promise<{ readonly open: ReadonlyMap<string, Open>; readonly closed: readonly Open[] }> => {
  const keys = [...new Set(page.map(keyOf))];
  const rows = await session.run(`SELECT key, data FROM ${table} WHERE key = ANY ($1::text[])`, [
    arrayOf(keys),
  ]);
  const open = new Map(rows.map(([key, data]) => [key as string, JSON.parse(data as string) as Open]));
  const closed: Open[] = [];
  for (const event of page) {
    const time = Number(event.position) * apartMs;
    const key = keyOf(event);
    const before = open.get(key);
    const isOver = before !== undefined && before.end <= time;
    if (isOver) closed.push(before);
    const { items, lines } = before === undefined || isOver ? { items: 0, lines: 0 } : before;
    open.set(key, {
      end: Math.floor(time / sizeMs) * sizeMs + sizeMs,
      items: items + (event.data as Sample).quantity,
      lines: lines + 1,
    });
  }
  return { open, closed };
};
