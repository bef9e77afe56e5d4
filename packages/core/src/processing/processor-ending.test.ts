import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { memory } from '../backend/memory/memory.js';
import { WaitTimeoutError } from '../observation/position-waiters.js';
import { manualClock } from '../testing/manual-clock.js';
import {
  appendNumbers,
  collector,
  numberOf,
  rigRunner,
  signalled,
} from '../testing/runner-rig.test-support.js';

describe.each(['each', 'transaction'] as const)(
  'A processor that is paused or ended with delivery %s',
  (mode) => {
    it('starts no handler while paused, and keeps what was delivered', async () => {
      const backend = memory();
      const seen: number[] = [];
      const { runner } = rigRunner(backend, { delivery: collector(mode, seen) });
      await runner.start();
      await runner.pause();
      await appendNumbers(backend, 's', [1]);
      await setImmediate();
      expect(seen).toEqual([]);
      expect(runner.status().state).toBe('paused');
      await expect(runner.waitFor(1n, { timeoutMs: 5 })).rejects.toThrow(WaitTimeoutError);
      await runner.resume();
      await runner.waitFor(1n);
      expect(seen).toEqual([1]);
      await runner.pause();
      await runner.drain();
      expect(runner.status().state).toBe('stopped');
    });

    it('aborts the signal of a handler on stop, and delivers again what it had in hand', async () => {
      const backend = memory();
      await appendNumbers(backend, 's', [1]);
      const began = signalled();
      let calls = 0;
      const handle = (signal: AbortSignal): Promise<void> => {
        calls += 1;
        if (calls > 1) return Promise.resolve();
        began.resolve();
        // Returns as if it had done its work.
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      };
      const { runner } = rigRunner(backend, {
        delivery:
          mode === 'each'
            ? { mode, handle: (_, { signal }) => handle(signal) }
            : { mode, handle: (_, __, { signal }) => handle(signal) },
      });
      await runner.start();
      await began.promise;
      await runner.stop();
      expect(runner.status()).toMatchObject({ state: 'stopped', checkpoint: undefined });
      await runner.start();
      await runner.waitFor(1n);
      expect(calls).toBe(2);
      await runner.stop();
    });

    it('drains: waits for a handler, and aborts it when the grace time is over', async () => {
      const backend = memory();
      await appendNumbers(backend, 's', [1]);
      const began = signalled();
      const aborted = signalled();
      const clock = manualClock();
      const handle = (signal: AbortSignal): Promise<void> => {
        began.resolve();
        return new Promise((_, reject) =>
          signal.addEventListener('abort', () => {
            aborted.resolve();
            reject(new Error('aborted'));
          }),
        );
      };
      const { runner } = rigRunner(
        backend,
        {
          delivery:
            mode === 'each'
              ? { mode, handle: (_, { signal }) => handle(signal) }
              : { mode, handle: (_, __, { signal }) => handle(signal) },
        },
        { clock, graceMs: 1_000 },
      );
      await runner.start();
      await began.promise;
      const drained = runner.drain();
      await clock.advance(999);
      expect(runner.status()).toMatchObject({ state: 'draining', inFlight: 1, pending: 1 });
      await clock.advance(1);
      await aborted.promise;
      await drained;
      expect(runner.status()).toMatchObject({ state: 'stopped', inFlight: 0 });
      expect(runner.status().failure).toBeUndefined();
    });

    it('ends at once when something fails while it drains', async () => {
      const backend = memory();
      await appendNumbers(backend, 's', [1, 2, 3, 4]);
      const began = signalled();
      const release = signalled();
      const clock = manualClock();
      const handle = async (numbers: readonly number[]): Promise<void> => {
        began.resolve();
        await release.promise;
        if (numbers.includes(2)) throw new Error('no twos');
      };
      const { runner } = rigRunner(
        backend,
        {
          retry: { attempts: 2, initialDelayMs: 0 },
          delivery:
            mode === 'each'
              ? { mode, handle: (event) => handle([numberOf(event)]) }
              : { mode, handle: (events) => handle(events.map(numberOf)) },
        },
        { clock },
      );
      await runner.start();
      await began.promise;
      const drained = runner.drain();
      release.resolve();
      // Enough for retries without a delay, far less than the grace time.
      await clock.advance(10);
      await drained;
      expect(runner.status()).toMatchObject({ state: 'failed', checkpoint: 1n, inFlight: 0 });
      await runner.stop();
      expect(runner.status().state).toBe('stopped');
    });

    it('leaves a handler behind that ignores its signal; stop cuts a drain short', async () => {
      const backend = memory();
      await appendNumbers(backend, 's', [1]);
      const began = signalled();
      const clock = manualClock();
      const never = (): Promise<never> => {
        began.resolve();
        return new Promise<never>(() => {});
      };
      const { runner } = rigRunner(
        backend,
        { delivery: mode === 'each' ? { mode, handle: never } : { mode, handle: never } },
        { clock, abandonMs: 1_000 },
      );
      await runner.start();
      await began.promise;
      const drained = runner.drain();
      const stopped = runner.stop();
      await clock.advance(1_000);
      await Promise.all([drained, stopped]);
      expect(runner.status().state).toBe('stopped');
    });
  },
);

describe('A processor that is paused or ended', () => {
  it('does what a handler asks of its own runner', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', [1, 2, 3]);
    const seen: number[] = [];
    const paused = signalled();
    const { runner } = rigRunner(backend, {
      delivery: {
        mode: 'each',
        handle: (event) => {
          seen.push(numberOf(event));
          if (numberOf(event) === 2) void runner.pause().then(paused.resolve);
        },
      },
    });
    await runner.start();
    await paused.promise;
    expect(seen).toEqual([1, 2]);
    expect(runner.status()).toMatchObject({ state: 'paused', checkpoint: 2n, pending: 1 });
    await runner.resume();
    await runner.waitFor(3n);
    await runner.stop();
  });
});
