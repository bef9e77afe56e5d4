import { type Backend, createApp, type RecordedEvent } from '@tidemark/core';
import { documentProjection, type OnDocument, Projections } from '@tidemark/projections';
import type { BareSession } from '../bare/session.js';
import { arrayOf, type BareEvent, type BareSqlLog } from '../bare/sql-log.js';
import { checkDone, rate } from '../harness.js';
import { kept } from '../kept-backend.js';
import { type Sample, sampleType } from '../sample-events.js';
import { newName, pageSize } from './consumer.js';

/** What is sold of each quantity in each stream. */
interface Sales {
  readonly lines: number;
  readonly items: number;
}

const withSale = (sales: Sales | undefined, { quantity }: Sample): Sales => ({
  lines: (sales?.lines ?? 0) + 1,
  items: (sales?.items ?? 0) + quantity,
});

const keyOf = ({ stream, data }: Pick<RecordedEvent, 'stream' | 'data'>): string =>
  `${stream}/${(data as Sample).quantity}`;

/** Builds a read model from the whole log, exactly once, and checks that every event is in its documents. */
export const projectOurs = async (backend: Backend, events: number): Promise<number> => {
  const sales = documentProjection({
    name: newName(),
    batchSize: pageSize,
    key: keyOf,
    handlers: (on: OnDocument<Sales>) => [
      on(sampleType, (line: Sample, document) => withSale(document, line)),
    ],
  });
  const app = createApp({ backend: kept(backend), register: [sales] });
  const speed = await rate(events, async () => {
    await app.start();
    await app.waitFor(BigInt(events), { timeoutMs: 60_000 });
  });
  let lines = 0;
  let after: string | undefined;
  do {
    const page = await app.get(Projections).of(sales).find({ limit: 1_000, after });
    for (const { document } of page.documents) lines += document.lines;
    after = page.next;
  } while (after !== undefined);
  checkDone('events in documents', lines, events);
  await app.stop();
  return speed;
};

/** The same by hand: a page, the documents of its keys, one upsert and the checkpoint in one transaction. */
export const projectBare = async (log: BareSqlLog, events: number): Promise<number> => {
  const { session } = log;
  const name = newName();
  const speed = await rate(events, async () => {
    await session.script(`CREATE TABLE ${name} (key text COLLATE "C" PRIMARY KEY, data json NOT NULL)`);
    let after = '0';
    for (;;) {
      const page = await log.page(after);
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.position;
      await session.transaction(async (tx) => {
        const documents = await foldPage(tx, name, page);
        await tx.run(
          `INSERT INTO ${name} SELECT * FROM unnest($1::text[], $2::json[])
             ON CONFLICT (key) DO UPDATE SET data = excluded.data`,
          [
            arrayOf([...documents.keys()]),
            arrayOf([...documents.values()].map((document) => JSON.stringify(document))),
          ],
        );
        await log.moveCheckpoint(name, last.position, tx);
      });
      if (page.length < pageSize) return;
    }
  });
  const rows = await session.run(`SELECT sum((data->>'lines')::integer) FROM ${name}`);
  checkDone('events in documents', Number(rows[0]?.[0]), events);
  checkDone('checkpoint stored', await log.checkpoint(name), BigInt(events));
  return speed;
};

const foldPage = async (
  session: BareSession,
  table: string,
  page: readonly BareEvent[],
): Promise<ReadonlyMap<string, Sales>> => {
  const keys = [...new Set(page.map(keyOf))];
  const rows = await session.run(`SELECT key, data FROM ${table} WHERE key = ANY ($1::text[])`, [
    arrayOf(keys),
  ]);
  const documents = new Map(rows.map(([key, data]) => [key as string, JSON.parse(data as string) as Sales]));
  for (const event of page) {
    const key = keyOf(event);
    documents.set(key, withSale(documents.get(key), event.data as Sample));
  }
  return documents;
};
