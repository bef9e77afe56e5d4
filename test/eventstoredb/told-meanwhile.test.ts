import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { jsonCodec, memory, type SubscriptionBatch } from '@tidemark/core';
import { Connection } from '../../packages/adapters/src/eventstoredb/connection.js';
import { EventRecords } from '../../packages/adapters/src/eventstoredb/event-records.js';
import { LogReads, type LogPage } from '../../packages/adapters/src/eventstoredb/log-reads.js';
import { Pulse } from '../../packages/adapters/src/eventstoredb/pulse.js';
import { EventStoreDbSubscription } from '../../packages/adapters/src/eventstoredb/subscription.js';
import { startTestEventStoreDb, type SteerableEventStoreDb } from '../support/eventstoredb/start.js';

let server: SteerableEventStoreDb;
let connection: Connection;
beforeAll(async () => {
  server = await startTestEventStoreDb();
  connection = new Connection({ connectionString: server.connectionString, state: memory() });
  await connection.open();
});
afterAll(async () => {
  await connection.close();
  await server.close();
});

const append = (type: string): bigint => {
  const data = Buffer.from('{}');
  const { log } = server.database;
  const outcome = log.append('s', 'any', [
    { id: crypto.randomUUID(), type, isJson: true, data, metadata: data },
  ]);
  return outcome.kind === 'written' ? (outcome.position ?? 0n) : 0n;
};

/** Reads of the log that are slow: behind the first look at the rest of it something happens before it is answered. */
class SlowReads extends LogReads {
  before: (() => Promise<void>) | undefined;

  override async page(...parameters: Parameters<LogReads['page']>): Promise<LogPage> {
    const page = await super.page(...parameters);
    await this.before?.();
    return page;
  }
}

it('does not take for the end what was read before it was told of more', async () => {
  const records = new EventRecords(jsonCodec);
  const log = new SlowReads(connection, records);
  const pulse = new Pulse(connection, log);
  append('wanted');
  let last: bigint | undefined;
  log.before = async () => {
    log.before = undefined;
    const behind = append('other');
    last = behind;
    await new Promise<void>((resolve) => {
      const unlisten = pulse.listen(() => {
        if (pulse.position < behind) return;
        unlisten();
        resolve();
      });
    });
  };
  const subscription = new EventStoreDbSubscription(
    { connection, records, log, pulse },
    { filter: { types: ['wanted'] } },
    () => undefined,
  );
  const iterator = subscription[Symbol.asyncIterator]();
  const batches: SubscriptionBatch[] = [];
  const isThere = (): boolean => last !== undefined && batches.at(-1)?.position === last;
  while (!isThere()) {
    const { value } = await iterator.next();
    if (value === undefined) throw new Error('The subscription has ended.');
    batches.push(value);
  }
  await subscription.close();
  const claims = batches.map(({ position, caughtUp }) => ({ isLast: position === last, caughtUp }));
  // Whoever is told that it has caught up while there is more learns of it only when somebody looks again by chance.
  expect(claims.filter(({ isLast, caughtUp }) => caughtUp && !isLast)).toEqual([]);
  expect(claims.at(-1)).toEqual({ isLast: true, caughtUp: true });
}, 60_000);
