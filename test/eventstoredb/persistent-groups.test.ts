import { binaryEvent, EventStoreDBClient } from '@eventstore/db-client';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { eventStoreDb, PermissionDeniedError } from '@tidemark/adapters/eventstoredb';
import {
  ConfigurationError,
  memory,
  persistentSubscription,
  StoreUnavailableError,
  type Backend,
  type GroupConsumer,
  type GroupDelivery,
  type PersistentSubscriptionOptions,
  type PersistentSubscriptionSource,
} from '@tidemark/core';
import { startTestEventStoreDb, type SteerableEventStoreDb } from '../support/eventstoredb/start.js';
import { until } from '../support/until.js';

/* The server's groups by themselves, without a processor: what they are made with, what they keep aside, and what is refused. */

let server: SteerableEventStoreDb;
let client: EventStoreDBClient;
let backend: Backend;

beforeEach(async () => {
  server = await startTestEventStoreDb();
  client = EventStoreDBClient.connectionString(server.connectionString);
  backend = eventStoreDb({ client, state: memory(), patienceMs: 0 });
  await backend.open();
  await backend.events.append(
    's',
    Array.from({ length: 5 }, (_, n) => ({ type: n % 2 === 0 ? 'even' : 'odd', data: { n } })),
  );
});
afterEach(async () => {
  jest.restoreAllMocks();
  await backend.close();
  await server.close();
});

const groups = () => {
  const { persistentSubscriptions } = backend;
  if (persistentSubscriptions === undefined) throw new Error('EventStoreDB has groups.');
  return persistentSubscriptions;
};

const source = (options: Partial<PersistentSubscriptionOptions> = {}): PersistentSubscriptionSource =>
  persistentSubscription({
    group: 'g',
    ...(options.all === true ? {} : { stream: 's' }),
    ...options,
  });

/** Consumes so many events, each by what `answer` does. */
const consume = async (
  from: PersistentSubscriptionSource,
  count: number,
  answer: (delivery: GroupDelivery, consumer: GroupConsumer) => void,
): Promise<readonly GroupDelivery[]> => {
  const consumer = groups().join(from);
  const got: GroupDelivery[] = [];
  for await (const deliveries of consumer) {
    for (const delivery of deliveries) answer(delivery, consumer);
    got.push(...deliveries);
    if (got.length >= count) break;
  }
  await consumer.close();
  return got;
};

const numbers = (deliveries: readonly GroupDelivery[]): readonly unknown[] =>
  deliveries.map(({ event }) => event.data);

const acknowledge = ({ id }: GroupDelivery, consumer: GroupConsumer): void => consumer.ack(id);
const park = ({ id }: GroupDelivery, consumer: GroupConsumer): void => consumer.nack(id, 'park', 'broken');

const failing = (type: string, message: string) => () => {
  throw Object.assign(new Error(message), { type });
};

describe('groups of a server', () => {
  it('one that is not there is gone, whatever is asked of it', async () => {
    for (const from of [source(), source({ all: true })]) {
      await expect(groups().info(from)).rejects.toThrow(ConfigurationError);
      await expect(groups().info(from)).rejects.toThrow(/"g" of .* is gone/);
      expect(await groups().parked(from, 10)).toEqual([]);
      await expect(groups().replayParked(from, 10)).rejects.toThrow(ConfigurationError);
    }
  });

  it('is made once by many applications that start at once', async () => {
    for (const from of [source(), source({ all: true })]) {
      await Promise.all(Array.from({ length: 10 }, () => groups().ensure(from)));
      expect(await groups().info(from)).toMatchObject({ parked: 0, inFlight: 0, consumers: 0 });
    }
    expect(await client.listAllPersistentSubscriptions()).toHaveLength(2);
  });

  it('begins where its settings say: at a version, a position, or the end; by a prefix of types', async () => {
    const [at, third] = [source({ startFrom: 3n }), (await readAll())[2]?.position];
    await groups().ensure(at);
    expect(numbers(await consume(at, 2, acknowledge))).toEqual([{ n: 3 }, { n: 4 }]);
    const behind = source({ group: 'behind', all: true, startFrom: third, filter: { typePrefixes: ['od'] } });
    await groups().ensure(behind);
    expect(numbers(await consume(behind, 1, acknowledge))).toEqual([{ n: 3 }]);
    const late = source({ group: 'late', startFrom: 'end' });
    await groups().ensure(late);
    await backend.events.append('s', [{ type: 'even', data: { n: 6 } }]);
    expect(numbers(await consume(late, 1, acknowledge))).toEqual([{ n: 6 }]);
  });

  it('takes other settings on, of the whole log too', async () => {
    const options = { all: true, maxRetryCount: 3, maxConsumers: 2 };
    await groups().ensure(source(options));
    await groups().ensure(source({ ...options, maxRetryCount: 7 }));
    const { settings } = await client.getPersistentSubscriptionToAllInfo('g');
    expect(settings).toMatchObject({ maxRetryCount: 7, maxSubscriberCount: 2 });
  });

  it('settings that the server does not take are said, with its reason; any other failure is told as it is', async () => {
    jest
      .spyOn(client, 'createPersistentSubscriptionToStream')
      .mockImplementationOnce(failing('persistent-subscription-failed', 'Invalid buffer.'))
      .mockImplementationOnce(failing('access-denied', 'Access Denied'));
    await expect(groups().ensure(source())).rejects.toThrow(
      /does not take the settings of .*: Invalid buffer/,
    );
    await expect(groups().ensure(source())).rejects.toThrow(PermissionDeniedError);
    await groups().ensure(source());
    jest
      .spyOn(client, 'updatePersistentSubscriptionToStream')
      .mockImplementationOnce(failing('persistent-subscription-failed', 'Invalid count.'));
    const other = groups().ensure(source({ maxRetryCount: 1 }));
    await expect(other).rejects.toThrow(/does not take the settings of .*: Invalid count/);
  });
});

const readAll = async () => {
  const events = [];
  for await (const batch of backend.events.readAll()) events.push(...batch);
  return events;
};

describe('what a group keeps aside', () => {
  it('is delivered again, a few or all, of the whole log too', async () => {
    const from = source({ all: true, filter: { streamPrefixes: ['s'] } });
    await groups().ensure(from);
    await consume(from, 5, park);
    await until(async () => (await groups().info(from)).parked === 5);
    expect(await groups().replayParked(from, 2)).toBe(2);
    expect(numbers(await consume(from, 2, acknowledge))).toEqual([{ n: 0 }, { n: 1 }]);
    await until(async () => (await groups().info(from)).parked === 3);
    expect(await groups().replayParked(from, 10)).toBe(3);
    expect(numbers(await consume(from, 3, acknowledge))).toEqual([{ n: 2 }, { n: 3 }, { n: 4 }]);
    await until(async () => (await groups().info(from)).parked === 0);
    expect(await groups().replayParked(from, 10)).toBe(0);
  });

  it('is told with its reason and time, also where its stream may not be read; what is gone is not there', async () => {
    await groups().ensure(source());
    await consume(source(), 5, park);
    await until(async () => (await groups().info(source())).parked === 5);
    // By some other program, without a reason.
    await client.appendToStream(
      '$persistentsubscription-s::g-parked',
      binaryEvent({ type: '$>', data: Buffer.from('4@s') }),
    );
    const parked = await groups().parked(source(), 10);
    expect(parked).toHaveLength(6);
    expect(parked[0]).toMatchObject({
      event: { stream: 's', version: 0, data: { n: 0 }, position: (await readAll())[0]?.position },
      reason: 'broken',
      parkedAt: expect.any(Date),
    });
    expect(parked[5]).toMatchObject({
      event: { version: 4 },
      reason: undefined,
      parkedAt: undefined,
    });

    const read = client.readStream.bind(client);
    const refusing = jest.spyOn(client, 'readStream');
    const refuse = (stream: string, type: string): void =>
      void refusing.mockImplementation((name, options) => {
        if (name === stream) failing(type, 'No.')();
        return read(name, options);
      });
    refuse('s', 'access-denied');
    expect(await groups().parked(source(), 1)).toMatchObject([{ event: { data: { n: 0 } } }]);
    refuse('s', 'unavailable');
    await expect(groups().parked(source(), 1)).rejects.toThrow(StoreUnavailableError);
    refuse('$persistentsubscription-s::g-parked', 'access-denied');
    await expect(groups().parked(source(), 1)).rejects.toThrow(PermissionDeniedError);
    refusing.mockRestore();

    await backend.events.tombstoneStream('s');
    expect(await groups().parked(source(), 1)).toMatchObject([{ event: undefined, reason: 'broken' }]);
  });
});
