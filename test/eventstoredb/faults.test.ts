import { afterEach, describe, expect, it } from '@jest/globals';
import { eventStoreDb, type EventStoreDbOptions } from '@tidemark/adapters/eventstoredb';
import {
  memory,
  StoreUnavailableError,
  type Backend,
  type NewEvent,
  type RecordedEvent,
} from '@tidemark/core';
import type { Fault } from '../support/eventstoredb/faults.js';
import { startTestEventStoreDb, type SteerableEventStoreDb } from '../support/eventstoredb/start.js';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const serverWith = async (
  options: Parameters<typeof startTestEventStoreDb>[0] = {},
): Promise<SteerableEventStoreDb> => {
  const server = await startTestEventStoreDb(options);
  closing.push(() => server.close());
  return server;
};

const backendOn = async (
  { connectionString }: { readonly connectionString: string },
  options: Partial<EventStoreDbOptions> = {},
): Promise<Backend> => {
  const backend = eventStoreDb({ connectionString, state: memory(), ...options });
  await backend.open();
  closing.push(() => backend.close());
  return backend;
};

const counted = (n: number): NewEvent => ({ type: 'Counted', data: { n } });
const numbers = (events: readonly RecordedEvent[]): readonly unknown[] =>
  events.map(({ data }) => (data as { readonly n: number }).n);

const all = async (batches: AsyncIterable<readonly RecordedEvent[]>): Promise<readonly RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for await (const batch of batches) events.push(...batch);
  return events;
};

const faults: readonly (readonly [string, (server: SteerableEventStoreDb) => Fault])[] = [
  ['answers unavailable', () => ({ kind: 'unavailable' })],
  ['answers that the deadline has passed', () => ({ kind: 'deadline' })],
  ['drops the connection', () => ({ kind: 'drop' })],
  ['is slow', () => ({ kind: 'delay', ms: 300 })],
  [
    'says that another node leads',
    ({ node }) => ({ kind: 'not-leader', host: '127.0.0.1', port: node.port }),
  ],
];

describe('an append', () => {
  it.each([...faults, ['does it and loses the answer', (): Fault => ({ kind: 'lose-answer' })] as const])(
    'lands once when the server %s, and is answered as new',
    async (_, fault) => {
      const server = await serverWith();
      const { events } = await backendOn(server);
      await events.append('a', [counted(0)]);
      for (const [n, expectedVersion] of (['any', 1, 'stream-exists'] as const).entries()) {
        server.node.faults.next('append', fault(server), 2);
        const result = await events.append('a', [counted(n + 1)], { expectedVersion });
        expect(result).toMatchObject({ version: n + 1, alreadyAppended: false });
        expect(server.node.faults.taken('append')).toBeGreaterThan(n);
        server.node.faults.clear();
      }
      server.node.faults.next('append', fault(server));
      const id = '0198c0de-aaaa-7bbb-8ccc-ddddeeeeffff';
      const result = await events.append('a', [{ ...counted(4), id }]);
      expect(result).toMatchObject({ version: 4, alreadyAppended: false });
      const stored = await all(events.readStream('a'));
      expect(numbers(stored)).toEqual([0, 1, 2, 3, 4]);
      expect(stored.at(-1)?.position).toBe(result.position);
    },
  );

  it('begins a stream once, though the answer is lost', async () => {
    const server = await serverWith();
    const { events } = await backendOn(server);
    server.node.faults.next('append', { kind: 'lose-answer' });
    const result = await events.append('a', [counted(0), counted(1)], { expectedVersion: 'no-stream' });
    expect(result).toMatchObject({ version: 1, alreadyAppended: false });
    expect(numbers(await all(events.readStream('a')))).toEqual([0, 1]);
  });

  it('through the shared batch stream lands once too', async () => {
    const server = await serverWith();
    const { events } = await backendOn(server, { batchAppend: true });
    server.node.faults.next('append', { kind: 'lose-answer' });
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => events.append(`s${n}`, [counted(n)], { expectedVersion: -1 })),
    );
    const stored = await all(events.readAll());
    expect(numbers(stored).toSorted((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 20 }, (_, n) => n),
    );
  });

  it('gives up when the patience is over, with a typed error, and the health says so', async () => {
    const server = await serverWith();
    const backend = await backendOn(server, { patienceMs: 100 });
    server.node.faults.next('append', { kind: 'unavailable' }, Number.POSITIVE_INFINITY);
    await expect(backend.events.append('a', [counted(0)])).rejects.toThrow(StoreUnavailableError);
    expect(backend.health?.()).toMatchObject({ status: 'down' });
    server.node.faults.clear();
    await backend.events.append('a', [counted(0)]);
    expect(backend.health?.()).toEqual({ status: 'up', reasons: [] });
  });
});

describe('a read', () => {
  it.each([
    ...faults,
    ['breaks off', (): Fault => ({ kind: 'drop-after', messages: 3 })] as const,
    ['ends too early', (): Fault => ({ kind: 'end-after', messages: 3 })] as const,
  ])('is whole when the server %s', async (_, fault) => {
    const server = await serverWith();
    const { events } = await backendOn(server);
    for (let n = 0; n < 10; n += 1) await events.append('a', [counted(n)]);
    for (const read of [
      () => events.readStream('a', { batchSize: 4 }),
      () => events.readAll({ batchSize: 4 }),
      () => events.readAll({ batchSize: 4, filter: { streamPrefixes: ['a'] } }),
    ]) {
      server.node.faults.next('read', fault(server), 2);
      expect(numbers(await all(read()))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      server.node.faults.clear();
    }
  });
});

describe('a subscription', () => {
  it.each([
    ...faults,
    ['breaks it off', (): Fault => ({ kind: 'drop-after', messages: 4 })] as const,
    ['ends it', (): Fault => ({ kind: 'end-after', messages: 4 })] as const,
    ['never answers', (): Fault => ({ kind: 'hang' })] as const,
  ])('delivers all once and in order when the server %s', async (_, fault) => {
    const server = await serverWith();
    const { events } = await backendOn(server);
    for (let n = 0; n < 5; n += 1) await events.append('a', [counted(n)]);
    server.node.faults.next('subscribe', fault(server), 3);
    const seen: RecordedEvent[] = [];
    const following = (async () => {
      for await (const batch of events.subscribe({ batchSize: 2, filter: { streamPrefixes: ['a'] } })) {
        seen.push(...batch.events);
        if (seen.length === 30) return;
      }
    })();
    for (let n = 5; n < 30; n += 1) {
      await events.append(`a${n % 3}`, [counted(n)]);
      if (n % 10 === 0) server.node.dropConnections();
    }
    await following;
    expect(numbers(seen)).toEqual(Array.from({ length: 30 }, (__, n) => n));
    expect(server.node.faults.taken('subscribe')).toBeGreaterThan(0);
  });

  it('goes on behind a restart of the server', async () => {
    const server = await serverWith();
    const { events } = await backendOn(server);
    await events.append('a', [counted(0)]);
    const batches = events.subscribe()[Symbol.asyncIterator]();
    const seen: RecordedEvent[] = [];
    const until = async (count: number): Promise<void> => {
      while (seen.length < count) seen.push(...((await batches.next()).value?.events ?? []));
    };
    await until(1);
    await server.node.stop();
    await server.node.start();
    await events.append('a', [counted(1)]);
    await until(2);
    expect(numbers(seen)).toEqual([0, 1]);
    await batches.return?.();
  });
});

describe('a cluster', () => {
  it('that changes its leader, or loses it, loses nothing', async () => {
    const server = await serverWith({ nodes: 3 });
    const { events } = await backendOn(server);
    const seen: RecordedEvent[] = [];
    const following = (async () => {
      for await (const batch of events.subscribe()) {
        seen.push(...batch.events);
        if (seen.length === 30) return;
      }
    })();
    for (let n = 0; n < 30; n += 1) {
      if (n === 10 && server.nodes[1] !== undefined) server.elect(server.nodes[1]);
      if (n === 20 && server.nodes[1] !== undefined) await server.lose(server.nodes[1]);
      await events.append('a', [counted(n)], { expectedVersion: n - 1 });
    }
    await following;
    expect(numbers(seen)).toEqual(Array.from({ length: 30 }, (_, n) => n));
  }, 60_000);
});
