import { describe, expect, it } from '@jest/globals';
import { manualClock } from '../testing/manual-clock.js';
import { PositionWaiters, WaitTimeoutError } from './position-waiters.js';

const late = (): Error => new WaitTimeoutError('p', 5n, undefined, 100, 'paused');

describe('PositionWaiters', () => {
  it('settles those at or below the position reached', async () => {
    const clock = manualClock();
    const waiters = new PositionWaiters();
    const settled: bigint[] = [];
    const waits = [3n, 5n, 9n].map((position) =>
      waiters.wait(position, clock, 1_000, late).then(() => settled.push(position)),
    );
    waiters.reach(5n);
    await Promise.all(waits.slice(0, 2));
    expect(settled).toEqual([3n, 5n]);
    expect(clock.pending).toBe(1);
    waiters.reach(9n);
    await Promise.all(waits);
    expect(clock.pending).toBe(0);
  });

  it('ends with the timeout, an error, or the reason of the signal', async () => {
    const clock = manualClock();
    const waiters = new PositionWaiters();
    await Promise.all([
      expect(waiters.wait(5n, clock, 100, late)).rejects.toThrow(
        'Processor "p" (paused) did not reach position 5 within 100 ms: it stands at its start.',
      ),
      clock.advance(100),
    ]);

    const failed = waiters.wait(5n, clock, 100, late);
    waiters.fail(new Error('failed'));
    await expect(failed).rejects.toThrow('failed');

    const abort = new AbortController();
    const aborted = waiters.wait(5n, clock, 100, late, abort.signal);
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await expect(waiters.wait(5n, clock, 100, late, AbortSignal.abort(new Error('before')))).rejects.toThrow(
      'before',
    );
    expect(clock.pending).toBe(0);
  });
});
