import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  EventStoreDBClient,
  jsonEvent,
  type PersistentSubscriptionToStream,
  PersistentSubscriptionDoesNotExistError,
  PersistentSubscriptionExistsError,
  persistentSubscriptionToAllSettingsFromDefaults,
  persistentSubscriptionToStreamSettingsFromDefaults,
  START,
  streamNameFilter,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EventStoreDb, startEventStoreDb } from '../support/eventstoredb/start.js';

/*
 * What a client sees of persistent subscriptions: against the protocol test server, or, with
 * EVENTSTOREDB_URL, against a real one.
 */

let server: EventStoreDb;
let client: EventStoreDBClient;

beforeAll(async () => {
  server = await startEventStoreDb();
  client = EventStoreDBClient.connectionString(server.connectionString);
});

afterAll(async () => {
  await client.dispose();
  await server.close();
});

const group = 'group';
const newStream = (): string => `persistent${randomUUID().replaceAll('-', '')}-1`;

const numbered = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => jsonEvent({ type: 'numbered', data: { n: from + n } }));

type Changes = Parameters<typeof persistentSubscriptionToStreamSettingsFromDefaults>[0];

const create = async (stream: string, changes: Changes = {}): Promise<void> => {
  const settings = persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START, ...changes });
  await client.createPersistentSubscriptionToStream(stream, group, settings);
};

/** A consumer whose messages can be awaited one by one. */
const consume = (stream: string, bufferSize = 10) => {
  const subscription: PersistentSubscriptionToStream = client.subscribeToPersistentSubscriptionToStream(
    stream,
    group,
    { bufferSize },
  );
  const messages = subscription[Symbol.asyncIterator]();
  const confirmed = once(subscription, 'confirmation');
  // Where nobody waits for it, what it fails with is told by the messages.
  confirmed.catch(() => {});
  return {
    subscription,
    confirmed,
    async next() {
      const { value, done } = await messages.next();
      if (done === true) throw new Error('The subscription has ended.');
      return value;
    },
    close: () => subscription.unsubscribe(),
  };
};

const numberOf = (message: { event?: { data: unknown } | undefined }): number =>
  (message.event?.data as { n: number } | undefined)?.n ?? Number.NaN;

const thrown = async (action: Promise<unknown>): Promise<unknown> => {
  try {
    await action;
  } catch (error) {
    return error;
  }
  throw new Error('It was to fail.');
};

/** Asks until the server has done what it does at leisure. */
const eventually = async <T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> => {
  for (const end = Date.now() + 50_000; ; ) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (Date.now() > end) throw new Error(`Waited 50 s in vain for ${String(wanted)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

const parkedCount = (stream: string, wanted: bigint) =>
  eventually(
    async () => (await client.getPersistentSubscriptionToStreamInfo(stream, group)).stats.parkedMessageCount,
    (count) => count === wanted,
  );

describe('managing groups', () => {
  it('creates, tells about, updates and deletes', async () => {
    const stream = newStream();
    await create(stream, { maxRetryCount: 3, messageTimeout: 4_000, consumerStrategyName: 'Pinned' });
    expect(await thrown(create(stream))).toBeInstanceOf(PersistentSubscriptionExistsError);
    const { settings, eventSource, groupName } = await client.getPersistentSubscriptionToStreamInfo(
      stream,
      group,
    );
    expect({ settings, eventSource, groupName }).toMatchObject({
      eventSource: stream,
      groupName: group,
      settings: { maxRetryCount: 3, messageTimeout: 4_000, consumerStrategyName: 'Pinned', startFrom: START },
    });
    const listed = await client.listPersistentSubscriptionsToStream(stream);
    expect(listed.map((info) => info.groupName)).toEqual([group]);
    const changed = persistentSubscriptionToStreamSettingsFromDefaults({ maxRetryCount: 5 });
    await client.updatePersistentSubscriptionToStream(stream, group, changed);
    const after = await client.getPersistentSubscriptionToStreamInfo(stream, group);
    expect(after.settings.maxRetryCount).toBe(5);
    await client.deletePersistentSubscriptionToStream(stream, group);
    expect(await client.listPersistentSubscriptionsToStream(stream)).toEqual([]);
    for (const attempt of [
      () => client.deletePersistentSubscriptionToStream(stream, group),
      () => client.updatePersistentSubscriptionToStream(stream, group, changed),
      () => client.getPersistentSubscriptionToStreamInfo(stream, group),
      () => client.replayParkedMessagesToStream(stream, group),
      () => client.listPersistentSubscriptionsToStream(newStream()),
      () => consume(stream).next(),
    ]) {
      expect(await thrown(attempt())).toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
    }
  });

  it.each(['deleted', 'updated'])('lets its consumers go when it is %s', async (what) => {
    const stream = newStream();
    await create(stream);
    const consumer = consume(stream);
    const waiting = thrown(consumer.next());
    await consumer.confirmed;
    if (what === 'deleted') await client.deletePersistentSubscriptionToStream(stream, group);
    else {
      const settings = persistentSubscriptionToStreamSettingsFromDefaults();
      await client.updatePersistentSubscriptionToStream(stream, group, settings);
    }
    expect(await waiting).toMatchObject({ type: 'persistent-subscription-dropped' });
  });

  it('takes no more consumers than it may', async () => {
    const stream = newStream();
    await create(stream, { maxSubscriberCount: 1 });
    const first = consume(stream);
    await first.confirmed;
    expect(await thrown(consume(stream).next())).toMatchObject({ type: 'maximum-subscribers-reached' });
    await first.close();
  });
});

describe('consuming', () => {
  it('delivers what is there and what comes, and no more than the buffer before an acknowledgement', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(3));
    await create(stream);
    const consumer = consume(stream, 2);
    const first = await consumer.next();
    const second = await consumer.next();
    expect([first, second].map(numberOf)).toEqual([0, 1]);
    expect(first.retryCount).toBe(0);
    const third = consumer.next();
    const early = await Promise.race([third, new Promise((resolve) => setTimeout(resolve, 200, 'nothing'))]);
    expect(early).toBe('nothing');
    await consumer.subscription.ack(first);
    expect(numberOf(await third)).toBe(2);
    await consumer.subscription.ack(second, await third);
    await client.appendToStream(stream, numbered(1, 3));
    expect(numberOf(await consumer.next())).toBe(3);
    await consumer.close();
  });

  it('begins at a revision, or with what comes', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(3));
    await create(stream, { startFrom: 1n });
    const consumer = consume(stream);
    expect(numberOf(await consumer.next())).toBe(1);
    await consumer.close();
    const other = newStream();
    await client.appendToStream(other, numbered(1));
    await create(other, { startFrom: 'end' });
    const late = consume(other);
    await late.confirmed;
    await client.appendToStream(other, numbered(1, 1));
    expect(numberOf(await late.next())).toBe(1);
    await late.close();
  });

  it('retries what is refused, and parks it at last', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(1));
    await create(stream, { maxRetryCount: 2 });
    const consumer = consume(stream);
    for (const retryCount of [0, 1, 2]) {
      const message = await consumer.next();
      expect(message.retryCount).toBe(retryCount);
      await consumer.subscription.nack('retry', 'not now', message);
    }
    expect(await parkedCount(stream, 1n)).toBe(1n);
    await consumer.close();
  });

  it('parks, skips, stops at what it is told to; what is parked comes again when it is replayed', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(4));
    await create(stream);
    const consumer = consume(stream);
    const messages = [await consumer.next(), await consumer.next(), await consumer.next()];
    const [parked, skipped, stopped] = messages;
    if (parked === undefined || skipped === undefined || stopped === undefined)
      throw new Error('Three came.');
    await consumer.subscription.nack('park', 'broken', parked);
    await consumer.subscription.nack('skip', 'unwanted', skipped);
    await consumer.subscription.nack('stop', 'enough', stopped);
    const last = await consumer.next();
    expect(numberOf(last)).toBe(3);
    await consumer.subscription.ack(last);
    expect(await parkedCount(stream, 1n)).toBe(1n);
    await client.replayParkedMessagesToStream(stream, group);
    const again = await consumer.next();
    expect(again).toMatchObject({ event: { streamId: stream, revision: 0n }, link: { type: '$>' } });
    await consumer.subscription.ack(again);
    expect(await parkedCount(stream, 0n)).toBe(0n);
    await consumer.close();
  });

  it('sends again what is not acknowledged in time', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(1));
    await create(stream, { messageTimeout: 200 });
    const consumer = consume(stream);
    expect((await consumer.next()).retryCount).toBe(0);
    const again = await consumer.next();
    expect(again.retryCount).toBe(1);
    await consumer.subscription.ack(again);
    await consumer.close();
  });

  it('hands to others what a consumer leaves behind', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(1));
    await create(stream);
    const first = consume(stream);
    await first.next();
    const second = consume(stream);
    await second.confirmed;
    await first.close();
    const message = await second.next();
    expect(numberOf(message)).toBe(0);
    expect(message.retryCount).toBe(1);
    await second.close();
  });
});

describe('sharing', () => {
  it('round robin: by turns', async () => {
    const stream = newStream();
    await create(stream, { consumerStrategyName: 'RoundRobin' });
    const consumers = [consume(stream), consume(stream)];
    await Promise.all(consumers.map(({ confirmed }) => confirmed));
    await client.appendToStream(stream, numbered(4));
    const got = await Promise.all(
      consumers.map(async ({ next }) => [numberOf(await next()), numberOf(await next())]),
    );
    expect(got.map(([a, b]) => (b ?? 0) - (a ?? 0))).toEqual([2, 2]);
    await Promise.all(consumers.map(({ close }) => close()));
  });

  it('to a single one, until that is full', async () => {
    const stream = newStream();
    await create(stream, { consumerStrategyName: 'DispatchToSingle' });
    const consumers = [consume(stream, 2), consume(stream, 2)];
    await Promise.all(consumers.map(({ confirmed }) => confirmed));
    await client.appendToStream(stream, numbered(4));
    const got = await Promise.all(
      consumers.map(async ({ next }) => [numberOf(await next()), numberOf(await next())]),
    );
    expect(got.toSorted(([a = 0], [b = 0]) => a - b)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    await Promise.all(consumers.map(({ close }) => close()));
  });

  it('$all, filtered and pinned: one stream, one consumer', async () => {
    const prefix = newStream();
    const name = randomUUID();
    const settings = persistentSubscriptionToAllSettingsFromDefaults({ consumerStrategyName: 'Pinned' });
    const filter = streamNameFilter({ prefixes: [prefix] });
    await client.createPersistentSubscriptionToAll(name, settings, { filter });
    const got = new Map<string, Set<number>>();
    let count = 0;
    const consumers = [0, 1].map((id) => {
      const subscription = client.subscribeToPersistentSubscriptionToAll(name);
      subscription.on('data', (message) => {
        const streamId = message.event?.streamId ?? '';
        got.set(streamId, (got.get(streamId) ?? new Set()).add(id));
        count += 1;
        void subscription.ack(message);
      });
      return subscription;
    });
    await Promise.all(consumers.map((subscription) => once(subscription, 'confirmation')));
    for (let n = 0; n < 40; n += 1) await client.appendToStream(`${prefix}-${n % 8}`, numbered(1));
    await eventually(
      () => Promise.resolve(count),
      (seen) => seen === 40,
    );
    expect([...got.keys()].toSorted()).toEqual(Array.from({ length: 8 }, (_, n) => `${prefix}-${n}`));
    expect([...got.values()].map(({ size }) => size)).toEqual(Array(8).fill(1));
    await Promise.all(consumers.map((subscription) => subscription.unsubscribe()));
    await client.deletePersistentSubscriptionToAll(name);
  });
});
