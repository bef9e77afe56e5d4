import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Backend } from '../backend/backend.js';
import { LeaseLostError, type LeaseStore } from '../backend/leases.js';
import { memory } from '../backend/memory/memory.js';
import { StoreUnavailableError } from '../log/errors.js';
import { manualClock, type ManualClock } from '../testing/manual-clock.js';
import { LeaseKeeper, type HeldLease } from './lease-keeper.js';

const ttlMs = 9_000;

describe('LeaseKeeper', () => {
  let clock: ManualClock;
  let backend: Backend;
  let isAway: boolean;
  let troubles: (string | undefined)[];
  let renewals: number;

  /** The backend's leases, on a network that can be cut. */
  const reachable = (): LeaseStore => {
    const refuse = async (): Promise<void> => {
      if (isAway) throw new StoreUnavailableError('cut off');
    };
    const { leases } = backend;
    return {
      acquire: (options) => refuse().then(() => leases.acquire(options)),
      renew: (held, ms) => {
        renewals += 1;
        return refuse().then(() => leases.renew(held, ms));
      },
      release: (held) => refuse().then(() => leases.release(held)),
      list: (prefix) => leases.list(prefix),
    };
  };
  const keeperOf = (): LeaseKeeper =>
    new LeaseKeeper({
      store: reachable(),
      clock,
      ttlMs,
      monotonic: () => clock.now().getTime(),
      trouble: (error) => void troubles.push(error?.message),
    });
  const owners = async (): Promise<readonly (string | undefined)[]> =>
    (await backend.leases.list()).map(({ owner, remainingMs }) => (remainingMs > 0 ? owner : undefined));

  beforeEach(async () => {
    clock = manualClock();
    backend = memory({ clock });
    await backend.open();
    isAway = false;
    troubles = [];
    renewals = 0;
  });

  it('keeps leases for as long as they are wanted, all in one round trip', async () => {
    const keeper = keeperOf();
    const held = await keeper.acquire(['a', 'b', 'c'], 'one');
    await clock.advance(10 * ttlMs);
    expect(held.map(({ isSure }) => isSure)).toEqual([true, true, true]);
    expect(await owners()).toEqual(['one', 'one', 'one']);
    expect(renewals).toBe(30);
    await keeper.release(held.slice(0, 2));
    expect(await owners()).toEqual([undefined, undefined, 'one']);
    expect(held.map(({ signal }) => signal.aborted)).toEqual([true, true, false]);
    await keeper.releaseAll();
    expect(await owners()).toEqual([undefined, undefined, undefined]);
    expect(clock.pending).toBe(0);
  });

  it('gives only what is free, and the same when asked again', async () => {
    const [mine] = await keeperOf().acquire(['a'], 'one');
    const other = keeperOf();
    const theirs = await other.acquire(['a', 'b'], 'two');
    expect(theirs.map(({ lease }) => lease.name)).toEqual(['b']);
    expect(await other.acquire(['b'], 'two')).toEqual(theirs);
    expect(mine?.isSure).toBe(true);
  });

  it('counts leases as lost before anyone else can take them, when it is cut off', async () => {
    const keeper = keeperOf();
    const [held] = await keeper.acquire(['a'], 'one');
    await clock.advance(ttlMs / 2);
    isAway = true;
    const other = keeperOf();
    const taken: HeldLease[] = [];
    for (let waited = 0; waited < 2 * ttlMs && taken.length === 0; waited += 100) {
      const isSure = held?.isSure;
      isAway = false;
      taken.push(...(await other.acquire(['a'], 'two')));
      isAway = true;
      expect(isSure === true && taken.length > 0).toBe(false);
      await clock.advance(100);
    }
    expect(taken.map(({ lease }) => lease.epoch)).toEqual([2]);
    expect(held?.signal.reason).toBeInstanceOf(LeaseLostError);
    expect(troubles).toContain('cut off');
  });

  it('goes on after a cut that is shorter than the leases last, and says so', async () => {
    const keeper = keeperOf();
    const [held] = await keeper.acquire(['a'], 'one');
    isAway = true;
    await clock.advance(ttlMs / 2);
    isAway = false;
    await clock.advance(ttlMs);
    expect(held?.isSure).toBe(true);
    expect(troubles[0]).toBe('cut off');
    expect(troubles.at(-1)).toBeUndefined();
  });

  it('is not sure after standing still, before any timer has told it', async () => {
    let now = 0;
    const keeper = new LeaseKeeper({ store: reachable(), clock, ttlMs, monotonic: () => now });
    const [held] = await keeper.acquire(['a'], 'one');
    now = ttlMs;
    expect(held?.signal.aborted).toBe(false);
    expect(held?.isSure).toBe(false);
  });

  it('once it has said that it is not sure it is lost, though nobody has taken it and it could be renewed', async () => {
    let now = 0;
    const keeper = new LeaseKeeper({ store: reachable(), clock, ttlMs, monotonic: () => now });
    const [asked, unasked, again] = await keeper.acquire(['a', 'b', 'c'], 'one');
    now = ttlMs;
    expect([asked?.isSure, again?.isSure]).toEqual([false, false]);
    const [anew] = await keeper.acquire(['c'], 'one');
    expect([again?.signal.aborted, anew?.isSure]).toEqual([true, true]);
    await clock.advance(ttlMs / 3);
    expect(asked?.signal.aborted).toBe(true);
    expect([unasked?.isSure, anew?.isSure]).toEqual([true, true]);
  });

  it('learns from a renewal that another has taken what it had', async () => {
    const keeper = keeperOf();
    const [lost, kept] = await keeper.acquire(['a', 'b'], 'one');
    await backend.leases.release(lost === undefined ? [] : [lost.lease]);
    await backend.leases.acquire({ names: ['a'], owner: 'two', ttlMs });
    await clock.advance(ttlMs / 3);
    expect([lost?.signal.aborted, kept?.signal.aborted]).toEqual([true, false]);
    await keeper.releaseAll();
    expect(await owners()).toEqual(['two', undefined]);
  });

  it('gives up what it cannot tell the store of', async () => {
    const keeper = keeperOf();
    const [held] = await keeper.acquire(['a'], 'one');
    isAway = true;
    await keeper.releaseAll();
    expect(held?.signal.aborted).toBe(true);
    expect(troubles).toEqual(['cut off']);
    isAway = false;
    await clock.advance(ttlMs);
    expect(await owners()).toEqual([undefined]);
    await keeper.release(held === undefined ? [] : [held]);
  });

  it('has an acquired lease for no longer than it lasts from the request on', async () => {
    const keeper = keeperOf();
    const [first] = await keeper.acquire(['a'], 'one');
    await backend.leases.release(first === undefined ? [] : [first.lease]);
    await backend.leases.acquire({ names: ['a'], owner: 'two', ttlMs: 1 });
    await clock.advance(1);
    const [second] = await keeper.acquire(['a'], 'one');
    expect(first?.signal.aborted).toBe(true);
    expect(second?.isSure).toBe(true);
    expect(second?.lease.epoch).toBe(3);
  });
});
