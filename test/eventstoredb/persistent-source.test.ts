import {
  EventStoreDBClient,
  persistentSubscriptionToStreamSettingsFromDefaults,
} from '@eventstore/db-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import {
  ConfigurationError,
  createApp,
  memory,
  persistentSubscription,
  UnsupportedError,
  type Application,
  type HandlerContext,
  type PersistentSubscriptionOptions,
  type ProcessorDefinition,
  type RecordedEvent,
} from '@tidemark/core';
import { randomUUID } from 'node:crypto';
import { startEventStoreDb, type EventStoreDb } from '../support/eventstoredb/start.js';
import { until } from '../support/until.js';

/* Processors on persistent subscriptions: against the protocol test server, or, with EVENTSTOREDB_URL, against a real one. */

const numberOf = (event: RecordedEvent): number => Number((event.data as { n?: number }).n);

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

let server: EventStoreDb;
let client: EventStoreDBClient;
const apps: Application[] = [];

beforeAll(async () => {
  server = await startEventStoreDb();
  client = EventStoreDBClient.connectionString(server.connectionString);
}, 60_000);

afterEach(async () => {
  for (const app of apps.splice(0)) await app.stop();
}, 60_000);

afterAll(async () => {
  await client.dispose();
  await server.close();
});

const newStream = (): string => `source-${randomUUID()}`;

type Handle = (event: RecordedEvent, context: HandlerContext) => unknown;

interface Setup extends Partial<PersistentSubscriptionOptions> {
  readonly handle: Handle;
  readonly definition?: Partial<ProcessorDefinition>;
}

const processor = ({ handle, definition, ...options }: Setup) =>
  ({
    kind: 'processor',
    name: 'mailer',
    definedAt: 'here:1:1',
    messages: [],
    retry: { attempts: 2, initialDelayMs: 1, maxDelayMs: 2 },
    source: persistentSubscription({ group: 'mailer', ...options }),
    delivery: { mode: 'each', handle },
    ...definition,
  }) satisfies ProcessorDefinition;

const newApp = (setup: Setup): Application => {
  const backend = eventStoreDb({ connectionString: server.connectionString, state: memory() });
  const app = createApp({ backend, register: [processor(setup)] });
  apps.push(app);
  return app;
};

const run = async (setup: Setup): Promise<Application> => {
  const app = newApp(setup);
  await app.start();
  return app;
};

const append = async (stream: string, numbers: readonly number[]): Promise<void> => {
  const backend = eventStoreDb({ connectionString: server.connectionString, state: memory() });
  await backend.open();
  await backend.events.append(
    stream,
    numbers.map((n) => ({ type: 'counted', data: { n } })),
  );
  await backend.close();
};

const statusOf = (app: Application) => app.processors.get('mailer')?.status();

describe('a processor on a persistent subscription', () => {
  it('handles what is there and what comes, and goes on where the group is after a new start', async () => {
    const stream = newStream();
    await append(stream, range(5));
    const got: number[] = [];
    const handle: Handle = (event) => void got.push(numberOf(event));
    const app = await run({ stream, handle });
    await until(() => got.length === 5);
    await append(stream, [5]);
    await until(() => got.length === 6);
    expect(statusOf(app)).toMatchObject({
      state: 'running',
      handled: 6,
      redelivered: 0,
      parked: 0,
      position: undefined,
      checkpoint: undefined,
      caughtUp: false,
    });
    await app.stop();
    await append(stream, [6]);
    const again: number[] = [];
    await run({ stream, handle: (event) => void again.push(numberOf(event)) });
    await until(() => again.includes(6));
    expect(again).toEqual([6]);
    expect(got).toEqual(range(6));
  }, 60_000);

  it('shares the work between two applications, and takes over what a stopping one had not started', async () => {
    const stream = newStream();
    const got: number[] = [];
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const [first] = await Promise.all([
      run({
        stream,
        bufferSize: 8,
        definition: { delivery: { mode: 'each', handle: () => held.then(() => undefined) } },
        handle: () => undefined,
      }),
      run({ stream, bufferSize: 8, handle: (event) => void got.push(numberOf(event)) }),
    ]);
    const group = first.consumerGroup('mailer');
    await until(async () => (await group.info()).consumers === 2);
    await append(stream, range(20));
    await until(() => (statusOf(first)?.inFlight ?? 0) > 0 && (statusOf(first)?.pending ?? 0) > 1);
    expect(got.length).toBeLessThan(20);
    const stopped = first.stop();
    await until(() => statusOf(first)?.state === 'draining');
    release();
    await stopped;
    await until(() => new Set(got).size === 19);
    // The one that was being handled was finished and acknowledged where it was.
    expect(got).toHaveLength(19);
    expect(statusOf(first)).toMatchObject({ handled: 1 });
  }, 60_000);

  it('parks what keeps failing, goes on with the others, and has it delivered again', async () => {
    const stream = newStream();
    await append(stream, range(4));
    const got: number[] = [];
    let broken = true;
    const app = await run({
      stream,
      handle: (event, { attempt }) => {
        if (broken && numberOf(event) === 1) throw new Error(`cannot, ${attempt}`);
        got.push(numberOf(event));
      },
    });
    const group = app.consumerGroup('mailer');
    await until(async () => got.length === 3 && (await group.info()).parked === 1);
    expect(got).toEqual([0, 2, 3]);
    expect(statusOf(app)).toMatchObject({ state: 'running', retried: 1, parked: 1, handled: 3 });
    const [parked] = await group.parked();
    expect(parked).toMatchObject({ event: { stream, version: 1, data: { n: 1 } } });
    expect(parked?.reason).toContain('cannot, 2');
    expect(parked?.parkedAt).toBeInstanceOf(Date);
    broken = false;
    expect(await group.replayParked()).toBe(1);
    await until(() => got.includes(1));
    await until(async () => (await group.info()).parked === 0);
    expect(await group.replayParked()).toBe(0);
  }, 60_000);

  it('has only some of the parked events delivered again, each as it stands in its stream', async () => {
    const stream = newStream();
    await append(stream, range(3));
    const got: RecordedEvent[] = [];
    let broken = true;
    const app = await run({
      stream,
      handle: (event) => {
        if (broken) throw new Error('cannot');
        got.push(event);
      },
    });
    const group = app.consumerGroup('mailer');
    await until(async () => (await group.info()).parked === 3);
    broken = false;
    expect(await group.parked({ limit: 2 })).toHaveLength(2);
    expect(await group.replayParked({ limit: 1 })).toBe(1);
    await until(() => got.length === 1);
    await until(async () => (await group.info()).parked === 2);
    const backend = eventStoreDb({ connectionString: server.connectionString, state: memory() });
    await backend.open();
    for await (const [stored] of backend.events.readStream(stream, { limit: 1 })) {
      expect(got[0]).toEqual(stored);
    }
    await backend.close();
  }, 60_000);

  it('consumes the whole log, filtered by the server, and acknowledges unseen what it does not handle', async () => {
    const prefix = `all${randomUUID().replaceAll('-', '')}`;
    const got: string[] = [];
    const group = `g-${prefix}`;
    const app = await run({
      group,
      all: true,
      filter: { streamPrefixes: [prefix] },
      definition: { types: ['counted'], filter: { streamPrefixes: [`${prefix}-a`] } },
      handle: ({ stream }) => void got.push(stream),
    });
    await append(`${prefix}-b`, [1]);
    await append(`${prefix}-a1`, [1]);
    await append(`other-${prefix}`, [1]);
    await append(`${prefix}-a2`, [1]);
    await until(() => got.length === 2);
    expect(got).toEqual([`${prefix}-a1`, `${prefix}-a2`]);
    await until(async () => (await app.consumerGroup('mailer').info()).inFlight === 0);
    await client.deletePersistentSubscriptionToAll(group);
  }, 60_000);

  it('is given the whole log without the system’s own events', async () => {
    const stream = newStream();
    const group = `g-${stream}`;
    const types = new Set<string>();
    const app = await run({
      group,
      all: true,
      startFrom: 'end',
      checkpoint: { afterMs: 50, least: 1, most: 1 },
      handle: (event) => {
        types.add(event.type);
      },
    });
    await append(stream, range(3));
    await until(() => (statusOf(app)?.handled ?? 0) >= 3);
    expect([...types].filter((type) => type.startsWith('$'))).toEqual([]);
    await app.stop();
    await client.deletePersistentSubscriptionToAll(group);
  }, 60_000);

  it('updates the settings of its group when they are others', async () => {
    const stream = newStream();
    await client.createPersistentSubscriptionToStream(
      stream,
      'mailer',
      persistentSubscriptionToStreamSettingsFromDefaults({ maxRetryCount: 3 }),
    );
    const app = await run({
      stream,
      maxRetryCount: 7,
      strategy: 'pinned',
      messageTimeoutMs: 5_000,
      handle: () => undefined,
    });
    const { settings } = await client.getPersistentSubscriptionToStreamInfo(stream, 'mailer');
    expect(settings).toMatchObject({
      maxRetryCount: 7,
      consumerStrategyName: 'Pinned',
      messageTimeout: 5_000,
    });
    await app.stop();
  }, 60_000);

  it('makes a group that is pinned by correlation, and says when one cannot be changed', async () => {
    const stream = newStream();
    const app = await run({ stream, strategy: 'pinned-by-correlation', handle: () => undefined });
    const { settings } = await client.getPersistentSubscriptionToStreamInfo(stream, 'mailer');
    expect(settings.consumerStrategyName).toBe('PinnedByCorrelation');
    await app.stop();
    const other = newApp({
      stream,
      strategy: 'pinned-by-correlation',
      maxRetryCount: 3,
      handle: () => undefined,
    });
    const refused = other.start();
    await expect(refused).rejects.toThrow(ConfigurationError);
    await expect(refused).rejects.toThrow(/maxRetryCount.*cannot change/s);
    const again = newApp({ stream, strategy: 'pinned', handle: () => undefined });
    await expect(again.start()).rejects.toThrow(ConfigurationError);
    const same = await run({ stream, strategy: 'pinned-by-correlation', handle: () => undefined });
    expect(statusOf(same)?.state).toBe('running');
  }, 60_000);

  it('leaves the group while it is paused, and comes back', async () => {
    const stream = newStream();
    const got: number[] = [];
    const app = await run({ stream, handle: (event) => void got.push(numberOf(event)) });
    const group = app.consumerGroup('mailer');
    await until(async () => (await group.info()).consumers === 1);
    await app.processors.get('mailer')?.pause();
    await until(async () => (await group.info()).consumers === 0);
    await append(stream, range(3));
    expect(got).toEqual([]);
    await app.processors.get('mailer')?.resume();
    await until(() => got.length === 3);
    expect(got).toEqual(range(3));
  }, 60_000);

  it('fails, and says why, when its group is deleted under it', async () => {
    const stream = newStream();
    const app = await run({ stream, handle: () => undefined });
    await until(async () => (await app.consumerGroup('mailer').info()).consumers === 1);
    await client.deletePersistentSubscriptionToStream(stream, 'mailer');
    await until(() => statusOf(app)?.state === 'failed');
    expect(app.health().reasons.join()).toMatch(/"mailer" of stream .* is gone/);
  }, 60_000);

  it('refuses to be waited for by position, is left out of waiting for all, and tells the lag of its group', async () => {
    const stream = newStream();
    const app = await run({ stream, handle: () => undefined });
    const runner = app.processors.get('mailer');
    await expect(runner?.waitFor(1n)).rejects.toThrow(UnsupportedError);
    await app.waitFor(10n ** 15n);
    await expect(app.waitFor(1n, { processors: ['mailer'] })).rejects.toThrow(/persistent subscription/);
    expect(await runner?.lag()).toBe(0n);
    await append(stream, range(20));
    await until(() => statusOf(app)?.handled === 20);
    await until(async () => (await runner?.lag()) !== undefined);
  }, 60_000);
});
