import { beforeEach, describe, expect, it } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import type { Backend } from '../backend/backend.js';
import { LeaseLostError } from '../backend/leases.js';
import { memory } from '../backend/memory/memory.js';
import { InvalidArgumentError } from '../log/errors.js';
import { Problems } from '../observation/problems.js';
import { manualClock, type ManualClock } from '../testing/manual-clock.js';
import { LeaseKeeper } from './lease-keeper.js';
import { Locks, LockTimeoutError } from './locks.js';

describe('Locks', () => {
  let clock: ManualClock;
  let backend: Backend;
  let problems: Problems;

  const locksOf = (node: string): Locks => {
    const monotonic = (): number => clock.now().getTime();
    const keeper = new LeaseKeeper({ store: backend.leases, clock, ttlMs: 9_000, monotonic });
    return new Locks({ keeper, clock, problems, node: () => node, lookEveryMs: 1_000 });
  };
  const settled = async (): Promise<void> => {
    for (let n = 0; n < 5; n++) await turn();
  };

  beforeEach(async () => {
    clock = manualClock();
    backend = memory({ clock });
    problems = new Problems(clock);
    await backend.open();
  });

  it('are had by one at a time, in one process too, with a token that grows', async () => {
    const locks = locksOf('one');
    const first = await locks.acquire('report');
    expect(await locks.tryAcquire('report')).toBeUndefined();
    expect(await locksOf('two').tryAcquire('report')).toBeUndefined();
    expect(await locks.tryAcquire('another')).toMatchObject({ name: 'another', token: 1, isSure: true });
    await first.release();
    await first.release();
    const second = await locksOf('two').tryAcquire('report');
    expect(second?.token).toBe(first.token + 1);
    expect([first.isSure, second?.isSure]).toEqual([false, true]);
    await second?.[Symbol.asyncDispose]();
    expect(await locks.tryAcquire('report')).toBeDefined();
  });

  it('fence what is written in a transaction', async () => {
    const lock = await locksOf('one').acquire('report');
    await backend.transaction((tx) => tx.leases.hold(lock.lease));
    await lock.release();
    await expect(backend.transaction((tx) => tx.leases.hold(lock.lease))).rejects.toThrow(LeaseLostError);
  });

  it('are waited for', async () => {
    const first = await locksOf('one').acquire('report');
    let token = 0;
    const second = locksOf('two').with('report', async (lock) => {
      token = lock.token;
      return 'done';
    });
    await clock.advance(30_000);
    expect(token).toBe(0);
    await first.release();
    await clock.advance(1_000);
    expect(await second).toBe('done');
    expect(token).toBe(2);
    expect(await locksOf('one').tryAcquire('report')).toBeDefined();
  });

  it('are waited for no longer than said', async () => {
    const locks = locksOf('one');
    await locks.acquire('report');
    await expect(locks.acquire('report', { waitMs: 0 })).rejects.toThrow(LockTimeoutError);
    const waiting = locks.acquire('report', { signal: AbortSignal.abort(new Error('enough')) });
    await expect(waiting).rejects.toThrow('enough');
    await expect(locks.tryAcquire('')).rejects.toThrow(InvalidArgumentError);
  });

  it('are given up when work under them fails, and when the application stops', async () => {
    const locks = locksOf('one');
    await expect(
      locks.with('report', async () => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    const lock = await locks.acquire('report');
    await locks.stop();
    expect(lock.signal.aborted).toBe(true);
    expect(await locksOf('two').tryAcquire('report')).toBeDefined();
  });

  it('let one node at a time have a duty, and the next when it ends', async () => {
    const leading: string[] = [];
    const nodes = ['one', 'two'].map((node) => {
      const locks = locksOf(node);
      locks.lead('housekeeping', (lock) => {
        leading.push(node);
        return new Promise((resolve) => lock.signal.addEventListener('abort', () => resolve()));
      });
      return locks;
    });
    await settled();
    expect(leading).toEqual([]);
    for (const locks of nodes) await locks.start();
    await clock.advance(60_000);
    expect(leading).toEqual(['one']);
    await nodes[0]?.stop();
    await clock.advance(1_000);
    expect(leading).toEqual(['one', 'two']);
    await nodes[1]?.stop();
    expect(clock.pending).toBe(0);
  });

  it('take up a duty again whose work failed or returned, and say that it failed', async () => {
    const locks = locksOf('one');
    await locks.start();
    let runs = 0;
    const end = locks.lead('housekeeping', async () => {
      runs += 1;
      if (runs === 1) throw new Error('disk full');
    });
    await settled();
    expect(problems.list()).toMatchObject([{ source: 'the duty "housekeeping"' }]);
    await clock.advance(1_000);
    expect(runs).toBe(2);
    expect(problems.list()).toEqual([]);
    await end();
    await clock.advance(10_000);
    expect(runs).toBe(2);
  });

  it('forget a duty that ended before it began', async () => {
    const locks = locksOf('one');
    const end = locks.lead('housekeeping', async () => expect('never').toBe('called'));
    await end();
    await locks.start();
    await clock.advance(5_000);
    await locks.stop();
  });
});
