import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import { pglite } from '@tidemark/adapters/pglite';
import { memory, migrate, MigrationVerificationError, type Backend } from '@tidemark/core';
import { startTestEventStoreDb, type SteerableEventStoreDb } from '../support/eventstoredb/start.js';

/* What somebody could do to a target between the copying and the switch, and how it is found out. */

let server: SteerableEventStoreDb;
let source: Backend;
let target: Backend;

const run = () => migrate({ name: 'm', from: source.events, to: target }).done;

beforeAll(async () => {
  server = await startTestEventStoreDb();
  source = eventStoreDb({ connectionString: server.connectionString, state: memory() });
  target = pglite();
  await source.open();
  await target.open();
  for (let n = 0; n < 300; n += 1) {
    await source.events.append(`order-${n % 7}`, [{ type: 'Placed', data: { n } }]);
  }
  expect((await run()).written).toBe(300);
}, 60_000);
afterAll(async () => {
  await source.close();
  await target.close();
  await server.close();
});

/** Does what no application may: past the triggers that keep events as they are. */
const tamper = (...statements: readonly string[]): Promise<void> =>
  target.transaction(async (tx) => {
    await tx.query('SET LOCAL session_replication_role = replica');
    for (const statement of statements) await tx.query(statement);
  });

const at = (stream: string, version: number): string => `stream = '${stream}' AND version = ${version}`;

/** Positions are those of the source's events, counted from 1: event 30 of order-0 is the 211th, that of order-1 the next. */
const swap = [
  'UPDATE tidemark.events SET position = -1 WHERE position = 211',
  'UPDATE tidemark.events SET position = 211 WHERE position = 212',
  'UPDATE tidemark.events SET position = 212 WHERE position = -1',
];

describe('a target that is not what the source says', () => {
  it.each([
    {
      what: 'a changed event',
      harm: [`UPDATE tidemark.events SET data = '{"n":-1}' WHERE ${at('order-3', 30)}`],
      repair: [`UPDATE tidemark.events SET data = '{"n":213}' WHERE ${at('order-3', 30)}`],
      message:
        '1 stream differs: "order-3" has other events than it should, the first difference at event 30',
    },
    {
      what: 'a missing event',
      harm: [
        `CREATE TABLE kept AS SELECT * FROM tidemark.events WHERE ${at('order-4', 20)}`,
        `DELETE FROM tidemark.events WHERE ${at('order-4', 20)}`,
      ],
      repair: ['INSERT INTO tidemark.events SELECT * FROM kept', 'DROP TABLE kept'],
      message: '1 stream differs: "order-4" has 42 events instead of 43, the first difference at event 20',
    },
    {
      what: 'a missing end of a stream',
      harm: [
        `CREATE TABLE kept AS SELECT * FROM tidemark.events WHERE ${at('order-4', 42)}`,
        `DELETE FROM tidemark.events WHERE ${at('order-4', 42)}`,
      ],
      repair: ['INSERT INTO tidemark.events SELECT * FROM kept', 'DROP TABLE kept'],
      message: '1 stream differs: "order-4" has 42 events instead of 43, the first difference at event 42',
    },
    {
      what: 'an event too many',
      harm: [
        `INSERT INTO tidemark.events SELECT nextval('tidemark.positions'), stream, 43, gen_random_uuid(), type, schema_version,
           data, metadata, recorded_at FROM tidemark.events WHERE ${at('order-5', 42)}`,
      ],
      repair: [`DELETE FROM tidemark.events WHERE ${at('order-5', 43)}`],
      message: '1 stream differs: "order-5" has 44 events instead of 43, the first difference at event 43',
    },
    {
      what: 'an event in another stream',
      harm: [`UPDATE tidemark.events SET stream = 'elsewhere', version = 0 WHERE ${at('order-6', 41)}`],
      repair: [`UPDATE tidemark.events SET stream = 'order-6', version = 41 WHERE ${at('elsewhere', 0)}`],
      message: '2 streams differ: "order-6" has 41 events instead of 42',
    },
    {
      what: 'another order',
      harm: swap,
      repair: swap,
      message: 'every stream is as it should be, but the events stand in the whole log in another order',
    },
  ])('$what is named, with its place', async ({ harm, repair, message }) => {
    await tamper(...harm);
    const error = await run().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MigrationVerificationError);
    expect(String(error)).toContain(message);
    expect(String(error)).toContain('Do not switch to the target');
    await tamper(...repair);
    expect((await run()).verification?.isRight).toBe(true);
  });
});
