import { randomUUID } from 'node:crypto';
import { postgres } from '@tidemark/adapters/postgres';
import { Client } from 'pg';
import { appendSingle } from '../../packages/adapters/src/sql/events/append-single.js';
import { SchemaNames } from '../../packages/adapters/src/sql/schema-names.js';
import { checkDone, type Group, rate, type Side } from './harness.js';
import { sampleEvent } from './sample-events.js';
import { newDatabase } from './stores.js';

/** Connections that write at the same time, each one event a transaction. */
const writers = 32;

const names = new SchemaNames('tidemark');
const withReservation = names.fill(appendSingle(false));
const reservation = /pg_advisory_xact_lock_shared\([^)]*\)/;

/** The statement for a single event, with something else in the place of the reservation. */
const orderedBy = (lock: string): string => {
  if (!reservation.test(withReservation))
    throw new Error('The statement that appends has no reservation to replace.');
  return withReservation.replace(reservation, lock);
};

/** How each way to keep the order of positions begins a transaction that appends one event. */
const designs = {
  reservation: { statement: withReservation },
  none: { statement: orderedBy('NULL') },
  advisory: { statement: orderedBy('pg_advisory_xact_lock(4711)') },
  table: { statement: orderedBy('NULL'), before: 'LOCK TABLE tidemark.events IN SHARE ROW EXCLUSIVE MODE' },
  counter: { statement: orderedBy('NULL'), before: 'UPDATE bench_counter SET n = n + 1' },
} as const;

type Design = keyof typeof designs;

/** Appends from all connections, each to streams of its own, and says how many transactions a second that were. */
const write = async (clients: readonly Client[], design: Design, each: number): Promise<number> => {
  const { statement, before } = { before: undefined, ...designs[design] };
  const { type, data, metadata } = sampleEvent(1);
  const texts = [JSON.stringify(data), JSON.stringify(metadata)];
  const count = async (): Promise<number> => {
    const result = await clients[0]?.query<{ count: string }>('SELECT count(*) FROM tidemark.events');
    return Number(result?.rows[0]?.count);
  };
  const present = await count();
  const speed = await rate(writers * each, () =>
    Promise.all(
      clients.map(async (client) => {
        for (let n = 0; n < each; n += 1) {
          const values = [`ordering-${randomUUID()}`, -1, randomUUID(), type, 1, ...texts, null];
          if (before === undefined) {
            await client.query({ name: design, text: statement, values });
            continue;
          }
          await client.query('BEGIN');
          await client.query(before);
          await client.query({ name: design, text: statement, values });
          await client.query('COMMIT');
        }
      }),
    ),
  );
  checkDone('events written', (await count()) - present, writers * each);
  return speed;
};

const side = async (choices: readonly Design[], each: number): Promise<Side> => {
  const connectionString = await newDatabase();
  const backend = postgres({ connectionString });
  await backend.open();
  await backend.close();
  const clients = Array.from({ length: writers }, () => new Client({ connectionString }));
  for (const client of clients) {
    client.on('error', () => undefined);
    await client.connect();
  }
  await clients[0]?.query('CREATE TABLE bench_counter (n bigint); INSERT INTO bench_counter VALUES (0)');
  return {
    runs: choices.map((design) => () => write(clients, design, each)),
    async close() {
      for (const client of clients) await client.end();
    },
  };
};

/** What an exact order of positions costs: ours, and the ways of others, beside no guarantee at all. */
export const ordering = (scale: number): readonly Group[] => {
  const each = Math.ceil(60 * scale);
  const described: readonly (readonly [Design, string])[] = [
    ['reservation', 'reservation locks'],
    ['advisory', 'one advisory lock through commit'],
    ['table', 'a table lock through commit'],
    ['counter', 'a counter row'],
  ];
  return [
    {
      needs: ['postgres'],
      cases: described.map(([, name]) => ({
        name: `PostgreSQL, ${writers} connections, ${name}, against no order`,
        unit: 'transactions',
      })),
      ours: () =>
        side(
          described.map(([design]) => design),
          each,
        ),
      bare: () =>
        side(
          described.map(() => 'none'),
          each,
        ),
    },
  ];
};
