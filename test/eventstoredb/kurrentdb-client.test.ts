import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KurrentDBClient } from '@kurrent/kurrentdb-client';
import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import {
  ConcurrencyError,
  memory,
  newId,
  StoreUnavailableError,
  StreamTombstonedError,
  type Backend,
  type RecordedEvent,
} from '@tidemark/core';

/*
 * The client of KurrentDB in the place of EventStoreDB's: where the two differ. Each of its reads takes some 40 ms, so the
 * whole conformance suite takes very long with it: `KURRENTDB_CLIENT=1 EVENTSTOREDB_URL=… npm test -- eventstoredb/conformance`.
 */

let server: ChildProcess;
let connectionString = '';
let backend: Backend;
beforeAll(async () => {
  // A process of its own: the native library holds up the thread that calls it while it connects.
  server = fork(join(import.meta.dirname, '../support/eventstoredb/server-process.ts'), {
    execArgv: ['--import', './test/support/from-source.mjs'],
    cwd: join(import.meta.dirname, '../..'),
  });
  const [url] = await once(server, 'message');
  connectionString = String(url).replace('esdb:', 'kurrentdb:');
  const client = KurrentDBClient.connectionString(connectionString);
  backend = eventStoreDb({ client, state: memory(), patienceMs: 10_000 });
  await backend.open();
});
afterAll(async () => {
  await backend.close();
  server.kill();
});

/** Has the server do something, and waits until it has. */
const tell = async (wish: 'drop' | 'stop' | 'start'): Promise<void> => {
  const done = once(server, 'message');
  server.send(wish);
  await done;
};

const event = (n: number) => ({ type: 'Counted', data: { n }, metadata: { userId: 'u' } });
const all = async (batches: AsyncIterable<readonly RecordedEvent[]>): Promise<readonly RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for await (const batch of batches) events.push(...batch);
  return events;
};

describe('the client of KurrentDB', () => {
  it('enforces every expected version, under its own name for it', async () => {
    const { events } = backend;
    await events.append('a', [event(0), event(1)], { expectedVersion: 'no-stream' });
    await expect(events.append('a', [event(2)], { expectedVersion: 'no-stream' })).rejects.toMatchObject({
      actual: 1,
    });
    await expect(events.append('a', [event(2)], { expectedVersion: 0 })).rejects.toThrow(ConcurrencyError);
    await expect(events.append('none', [event(2)], { expectedVersion: 'stream-exists' })).rejects.toThrow(
      ConcurrencyError,
    );
    await events.append('a', [event(2)], { expectedVersion: 1 });
    await events.append('a', [event(3)], { expectedVersion: 'stream-exists' });
    // Of those who race, one wins.
    const racing = Array.from({ length: 5 }, () => events.append('a', [event(4)], { expectedVersion: 3 }));
    const outcomes = await Promise.allSettled(racing);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await events.streamVersion('a')).toBe(4);
  });

  it('reads by iterators, in both directions, and what is not there', async () => {
    const { events } = backend;
    const read = await all(events.readStream('a'));
    expect(read.map(({ version, data, metadata }) => [version, data, metadata])).toEqual(
      [0, 1, 2, 3, 4].map((n) => [n, { n }, { userId: 'u' }]),
    );
    expect(await all(events.readAll({ filter: { streamPrefixes: ['a'] } }))).toEqual(read);
    expect(await all(events.readAll({ direction: 'backwards', limit: 2 }))).toEqual(
      read.toReversed().slice(0, 2),
    );
    expect(await all(events.readStream('none'))).toEqual([]);
    const ended = all(events.readStream('a', { signal: AbortSignal.abort(new Error('enough')) }));
    await expect(ended).rejects.toThrow('enough');
  });

  it('knows repetitions, settings, deletions and tombstones', async () => {
    const { events } = backend;
    const given = { ...event(0), id: newId() };
    await events.append('b', [given]);
    expect(await events.append('b', [given])).toMatchObject({ version: 0, alreadyAppended: true });
    await events.setStreamMetadata('b', { maxCount: 3 });
    await events.setStreamMetadata('b', { maxCount: 2 });
    expect(await events.getStreamMetadata('b')).toEqual({ maxCount: 2 });
    await events.deleteStream('b');
    expect(await events.streamVersion('b')).toBeUndefined();
    expect(await events.append('b', [event(1)], { expectedVersion: 'no-stream' })).toMatchObject({
      version: 1,
    });
    await events.tombstoneStream('b');
    await expect(events.append('b', [event(2)])).rejects.toThrow(StreamTombstonedError);
  });

  it('goes on when connections break, and says so when the server is away', async () => {
    const { events } = backend;
    const seen: unknown[] = [];
    const subscription = events.subscribe({ filter: { streamPrefixes: ['c'] } });
    const following = (async () => {
      for await (const batch of subscription) {
        seen.push(...batch.events.map(({ data }) => data));
        if (seen.length === 6) return;
      }
    })();
    for (let n = 0; n < 6; n += 1) {
      await events.append('c', [event(n)]);
      if (n % 2 === 1) await tell('drop');
    }
    await following;
    await subscription.close();
    expect(seen).toEqual([0, 1, 2, 3, 4, 5].map((n) => ({ n })));
    await tell('stop');
    const hasty = eventStoreDb({
      client: KurrentDBClient.connectionString(connectionString),
      state: memory(),
      patienceMs: 100,
    });
    await expect(hasty.open()).rejects.toThrow(StoreUnavailableError);
    await tell('start');
    expect(await events.streamVersion('c')).toBe(5);
  });
});
