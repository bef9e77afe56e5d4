import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { StoreUnavailableError, type SubscriptionBatch } from '@tidemark/core';
import { FakeRelay, fakeTail, rowAt } from './fake-log.test-support.js';
import type { SqlSubscription } from './subscription.js';

/** Pulls batch after batch. */
const puller = (subscription: SqlSubscription) => {
  const batches = subscription[Symbol.asyncIterator]();
  const next = async (): Promise<SubscriptionBatch | undefined> => {
    const { value, done } = await batches.next();
    return done === true ? undefined : value;
  };
  return {
    next,
    /** The positions of the events that come first. */
    async events(): Promise<readonly number[]> {
      for (;;) {
        const batch = await next();
        if (batch === undefined) return [];
        if (batch.events.length > 0) return batch.events.map(({ position }) => Number(position));
      }
    },
    async position(position: bigint): Promise<SubscriptionBatch | undefined> {
      for (;;) {
        const batch = await next();
        if (batch === undefined || batch.position >= position) return batch;
      }
    },
    close: () => subscription.close(),
  };
};

/** Lets everything happen that waits for nothing. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await setImmediate();
};

describe('the tail of the log', () => {
  it('asks nothing while nobody subscribes', async () => {
    const relay = new FakeRelay();
    const { tail, database, subscribe } = fakeTail({ relay });
    await tail.open();
    await settled();
    tail.announce();
    relay.listener.wake();
    relay.listener.stretch(database.stretch(0n, 0n));
    await settled();
    expect(database.looks).toEqual([]);
    const aborted = puller(subscribe({ signal: AbortSignal.abort() }));
    expect(await aborted.next()).toBeUndefined();
    expect(database.looks).toEqual([]);
    const one = puller(subscribe());
    await one.next();
    await one.close();
    tail.announce();
    await settled();
    expect(database.looks).toEqual([null]);
    expect(relay.calls).toEqual(['start one', 'announce', 'interest true', 'interest false', 'announce']);
    await tail.close();
  });

  it('looks once for all, and once for each append', async () => {
    const { tail, database, subscribe } = fakeTail();
    await tail.open();
    const all = Array.from({ length: 50 }, () => puller(subscribe()));
    for (const batch of await Promise.all(all.map((one) => one.next()))) {
      expect(batch).toEqual({ events: [], position: 0n, caughtUp: true });
    }
    expect(database.looks).toEqual([null]);
    const waiting = all.map((one) => one.next());
    database.write(rowAt(1n));
    tail.announce(1n);
    for (const batch of await Promise.all(waiting)) {
      expect(batch).toMatchObject({ events: [{ position: 1n, data: 1 }], position: 1n, caughtUp: true });
    }
    expect(database.looks).toEqual([null, '0']);
    expect(database.pages).toBe(0);
    await tail.close();
  });

  it('tells those for whom nothing comes of their progress together, and not of each append', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'performance'] });
    try {
      const { tail, database, subscribe } = fakeTail();
      await tail.open();
      const filtered = puller(subscribe({ filter: { types: ['Never'] } }));
      const hard = puller(subscribe({ filter: { metadata: { key: 'never' } } }));
      const all = puller(subscribe());
      await Promise.all([filtered, hard, all].map((one) => one.next()));
      const progress = Promise.all([filtered.next(), hard.next()]);
      for (let at = 1n; at <= 20n; at += 1n) {
        const next = all.next();
        database.write(rowAt(at));
        tail.announce(at);
        await next;
        await settled();
      }
      jest.advanceTimersByTime(5);
      const nothing = { events: [], position: 20n, caughtUp: true };
      expect(await progress).toEqual([nothing, nothing]);
      await tail.close();
    } finally {
      jest.useRealTimers();
    }
  });

  it('reads pages for those who are behind, and from memory for those at the end', async () => {
    const { tail, database, subscribe } = fakeTail({ limits: { rows: 5, text: 10_000 } });
    await tail.open();
    for (let at = 1n; at <= 20n; at += 1n) database.write(rowAt(at));
    const one = puller(subscribe({ batchSize: 8 }));
    expect(await one.events()).toHaveLength(8);
    expect(await one.events()).toHaveLength(8);
    expect(await one.next()).toMatchObject({ position: 20n, caughtUp: true });
    expect(database.pages).toBe(3);
    const slow = puller(subscribe({ after: 20n }));
    await slow.next();
    database.write(rowAt(21n), rowAt(22n), rowAt(23n));
    tail.announce(23n);
    expect(await one.events()).toEqual([21, 22, 23]);
    database.write(rowAt(24n), rowAt(25n), rowAt(26n));
    tail.announce(26n);
    expect(await one.events()).toEqual([24, 25, 26]);
    expect(database.pages).toBe(3);
    // The ring has gone on without it.
    expect(await slow.events()).toEqual([21, 22, 23, 24, 25, 26]);
    expect(database.pages).toBe(4);
    await tail.close();
  });

  it('reads a burst in several looks, and begins anew where it is too long for the ring', async () => {
    const { tail, database, subscribe } = fakeTail({ limits: { rows: 3_000, text: 10_000_000 } });
    await tail.open();
    const one = puller(subscribe({ batchSize: 10_000 }));
    await one.next();
    const burst = (from: bigint, count: number): void =>
      database.write(...Array.from({ length: count }, (_, index) => rowAt(from + BigInt(index))));
    burst(1n, 2_500);
    tail.announce();
    let count = 0;
    while (count < 2_500) count += (await one.events()).length;
    expect(database.looks).toEqual([null, '0', '1000', '2000']);
    burst(2_501n, 9_000);
    tail.announce();
    while (count < 11_500) count += (await one.events()).length;
    expect(count).toBe(11_500);
    expect(database.looks).toEqual([null, '0', '1000', '2000', '2500', '11500']);
    expect(database.pages).toBe(1);
    await tail.close();
  });

  it('hands a failed look to those who wait, goes on looking, and lets them come again', async () => {
    const { tail, database, subscribe } = fakeTail();
    await tail.open();
    const one = puller(subscribe());
    await one.next();
    const waiting = one.next();
    database.error = new Error('away');
    tail.announce();
    await expect(waiting).rejects.toThrow('away');
    await expect(puller(subscribe()).next()).rejects.toThrow('away');
    database.error = undefined;
    const again = puller(subscribe());
    expect(await again.next()).toMatchObject({ caughtUp: true });
    await tail.close();
  });

  it('waits while the database is away, tells it, and goes on: those at the end, new ones, and those on pages', async () => {
    const { tail, database, subscribe } = fakeTail();
    database.write(rowAt(1n), rowAt(2n));
    await tail.open();
    const one = puller(subscribe({ after: 2n }));
    await one.next();
    const paging = puller(subscribe({ batchSize: 1 }));
    expect(await paging.events()).toEqual([1]);
    const waiting = one.events();
    database.error = new StoreUnavailableError('It is away.');
    tail.announce();
    await settled();
    const late = puller(subscribe({ after: 2n })).events();
    const page = paging.events();
    const closing = subscribe();
    const closed = puller(closing).next();
    while (database.looks.length < 3) await setImmediate();
    expect(tail.health()).toEqual({
      status: 'degraded',
      reasons: [
        expect.stringMatching(/^Subscriptions wait since \S+Z, and go on by themselves: It is away\.$/),
      ],
    });
    await closing.close();
    expect(await closed).toBeUndefined();
    database.error = undefined;
    expect(await page).toEqual([2]);
    database.write(rowAt(3n));
    tail.announce();
    expect(await Promise.all([waiting, late])).toEqual([[3], [3]]);
    expect(tail.health()).toEqual({ status: 'up', reasons: [] });
    await tail.close();
  });

  it('lets a subscription go that waits for the database to come back, when it is closed', async () => {
    const { tail, database, subscribe } = fakeTail();
    database.write(rowAt(1n), rowAt(2n));
    await tail.open();
    const subscriptions = [subscribe(), subscribe({ after: 2n }), subscribe()] as const;
    const [paging, waiting, entering] = [
      puller(subscriptions[0]),
      puller(subscriptions[1]),
      puller(subscriptions[2]),
    ];
    await waiting.next();
    database.pageError = new StoreUnavailableError('away');
    const ends = [paging.next(), waiting.next()];
    await settled();
    database.error = new StoreUnavailableError('away');
    ends.push(entering.next());
    await settled();
    await Promise.all(subscriptions.map((subscription) => subscription.close()));
    expect(await Promise.all(ends)).toEqual([undefined, undefined, undefined]);
    // Nobody is left who waits for it.
    expect(tail.health()).toEqual({ status: 'up', reasons: [] });
    await tail.close();
  });

  it('looks again sooner and then later where something is held back, and tells what a rollback lets go', async () => {
    const { tail, database, subscribe } = fakeTail();
    await tail.open();
    const one = puller(subscribe());
    await one.next();
    database.held = true;
    tail.announce();
    const next = one.events();
    while (database.looks.length < 6) await setImmediate();
    // Who held it has rolled back, and told nobody.
    database.held = false;
    database.write(rowAt(2n));
    expect(await next).toEqual([2]);
    const looks = database.looks.length;
    await settled();
    expect(database.looks).toHaveLength(looks);
    await tail.close();
  });

  it('looks again by itself behind a failure, soon, when someone still follows', async () => {
    const { tail, database, subscribe } = fakeTail();
    await tail.open();
    const slow = puller(subscribe());
    await slow.next();
    database.error = new Error('away');
    tail.announce();
    await settled();
    database.error = undefined;
    database.write(rowAt(1n));
    // It was not waiting, and has noticed nothing.
    expect(await slow.events()).toEqual([1]);
    await tail.close();
  });

  it('does not say that one is caught up while it knows of more', async () => {
    const { tail, database, subscribe } = fakeTail();
    await tail.open();
    const one = puller(subscribe());
    await one.next();
    let release = (): void => undefined;
    database.write(rowAt(1n));
    tail.announce();
    expect(await one.next()).toMatchObject({ position: 1n, caughtUp: true });
    database.write(rowAt(2n));
    tail.announce();
    await settled();
    database.hold = new Promise((resolve) => (release = resolve));
    tail.announce();
    expect(await one.next()).toMatchObject({ position: 2n, caughtUp: false });
    const next = one.next();
    release();
    expect(await next).toEqual({ events: [], position: 2n, caughtUp: true });
    await tail.close();
  });

  it('delivers nothing behind the end that a subscription begins at, before it is reached', async () => {
    const { tail, database, subscribe } = fakeTail();
    await tail.open();
    const future = puller(subscribe({ after: 2n }));
    expect(await future.next()).toEqual({ events: [], position: 2n, caughtUp: true });
    database.write(rowAt(1n), rowAt(2n));
    tail.announce();
    await settled();
    database.write(rowAt(3n));
    tail.announce();
    expect(await future.events()).toEqual([3]);
    await tail.close();
  });

  it('ends its subscriptions when it is closed, also those that wait for the database, and can be opened again', async () => {
    const relay = new FakeRelay();
    const { tail, database, subscribe } = fakeTail({ relay });
    await expect(puller(subscribe()).next()).rejects.toThrow('open it before it is used');
    await tail.open();
    const subscription = subscribe();
    let release = (): void => undefined;
    database.hold = new Promise((resolve) => (release = resolve));
    const waiting = puller(subscription).next();
    await settled();
    const closed = subscription.close();
    await tail.close();
    await closed;
    expect(await waiting).toBeUndefined();
    release();
    database.hold = undefined;
    await tail.open();
    expect(await puller(subscribe()).next()).toMatchObject({ caughtUp: true });
    await tail.close();
    expect(relay.calls.filter((call) => !call.startsWith('interest'))).toEqual([
      'start one',
      'stop',
      'start one',
      'stop',
    ]);
  });
});

describe('the tail and its relay', () => {
  const opened = async () => {
    const relay = new FakeRelay();
    const rig = fakeTail({ relay });
    await rig.tail.open();
    await settled();
    const one = puller(rig.subscribe());
    await one.next();
    return { relay, one, ...rig };
  };

  it('takes events from it without a look', async () => {
    const { relay, one, tail, database } = await opened();
    const next = one.next();
    database.write(rowAt(1n), rowAt(2n));
    relay.listener.stretch(database.stretch(0n, 2n));
    expect(await next).toMatchObject({ position: 2n, caughtUp: true });
    expect(database.looks).toEqual([null]);
    await tail.close();
  });

  it('looks at the database when a stretch leaves a hole and someone says that there is more', async () => {
    const { relay, one, tail, database } = await opened();
    database.write(rowAt(1n), rowAt(2n));
    relay.listener.stretch(database.stretch(1n, 2n));
    relay.listener.wake();
    expect(await one.events()).toEqual([1, 2]);
    expect(database.looks).toEqual([null, '0']);
    await tail.close();
  });

  it('finds by polling what it loses', async () => {
    const relay = new FakeRelay();
    const { tail, database, subscribe } = fakeTail({ relay, pollMs: 10 });
    await tail.open();
    const one = puller(subscribe());
    await one.next();
    database.write(rowAt(1n));
    expect(await one.events()).toEqual([1]);
    await tail.close();
  });

  it('waits a moment for what another process hands on, and looks itself when that does not come', async () => {
    const { relay, one, tail, database } = await opened();
    relay.follows = true;
    database.write(rowAt(1n));
    tail.announce(1n);
    await settled();
    expect(database.looks).toEqual([null]);
    relay.listener.stretch(database.stretch(0n, 1n));
    expect(await one.next()).toMatchObject({ position: 1n, caughtUp: true });
    database.write(rowAt(2n));
    tail.announce(2n);
    expect(await one.events()).toEqual([2]);
    expect(database.looks).toEqual([null, '1']);
    await tail.close();
  });

  it('hands on what it reads while it leads, and nothing else', async () => {
    const { relay, one, tail, database } = await opened();
    database.write(rowAt(1n));
    tail.announce(1n);
    await one.events();
    relay.leads = true;
    database.write(rowAt(3n));
    tail.announce(3n);
    await one.events();
    expect(relay.offered).toEqual([{ after: 1n, upTo: 3n, rows: [rowAt(3n)] }]);
    database.write(rowAt(4n));
    relay.listener.stretch(database.stretch(3n, 4n));
    await one.events();
    expect(relay.offered).toHaveLength(1);
    await tail.close();
  });

  it('is started anew when the log becomes another one, and nothing of the old one is delivered', async () => {
    const { relay, one, tail, database, subscribe } = await opened();
    const behind = puller(subscribe());
    await behind.next();
    const old = relay.listener;
    database.write(rowAt(1n, 'Old'));
    tail.announce(1n);
    expect(await one.events()).toEqual([1]);
    // Restored from a backup: other events at the same positions.
    database.identity = 'two';
    database.rows = [];
    database.safe = 0n;
    database.write(rowAt(1n, 'New'), rowAt(2n, 'New'));
    relay.listener.wake();
    expect(await one.events()).toEqual([2]);
    old.stretch({ after: 2n, upTo: 3n, rows: [rowAt(3n, 'Old')] });
    old.wake();
    const batch = await behind.next();
    expect(batch?.events.map(({ type }) => type)).toEqual(['New', 'New']);
    expect(tail.end).toBe(2n);
    expect(relay.calls).toEqual([
      'start one',
      'interest true',
      'announce',
      'stop',
      'start two',
      'interest true',
    ]);
    await tail.close();
  });

  it('learns of another log when asked, and when the identity was made another one', async () => {
    const { relay, tail, database } = await opened();
    expect(await tail.checkIdentity()).toBe('one');
    await tail.renewIdentity();
    await settled();
    expect(database.identity).toBe('one+');
    expect(relay.calls.at(-2)).toBe('start one+');
    await tail.close();
  });
});
