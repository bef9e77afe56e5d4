import { describe, expect, it } from '@jest/globals';
import { memory } from '../backend/memory/memory.js';
import { StoreUnavailableError } from '../log/errors.js';
import { onError } from '../model/error-rules.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import { manualClock } from '../testing/manual-clock.js';
import {
  appendNumbers,
  backendWith,
  numberOf,
  rigRunner,
  signalled,
  until,
} from '../testing/runner-rig.test-support.js';

class Bad extends Error {}
const badIsPermanent = [onError(Bad, 'permanent')];
const settled = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 1));

const failingAt = (
  bad: readonly number[],
  seen: number[],
): Extract<ProcessorDefinition['delivery'], { mode: 'each' }> => ({
  mode: 'each',
  handle: (event) => {
    if (bad.includes(numberOf(event))) throw new Bad(`no ${numberOf(event)}`);
    seen.push(numberOf(event));
  },
});

describe('onFailure', () => {
  it.each(['each', 'transaction'] as const)(
    'skip: leaves the event out, counted and told, with delivery %s',
    async (mode) => {
      const backend = memory();
      await appendNumbers(backend, 's', [1, 2, 3, 4]);
      const seen: number[] = [];
      const { runner, warnings } = rigRunner(backend, {
        policy: { onFailure: 'skip', errors: badIsPermanent },
        delivery:
          mode === 'each'
            ? failingAt([2, 3], seen)
            : {
                mode,
                handle: async (events) => {
                  for (const event of events) if ([2, 3].includes(numberOf(event))) throw new Bad('no');
                  seen.push(...events.map(numberOf));
                },
              },
      });
      await runner.start();
      await runner.waitFor(4n);
      await runner.drain();
      expect(seen).toEqual([1, 4]);
      expect(runner.status()).toMatchObject({
        handled: 2,
        skipped: 2,
        checkpoint: 4n,
        lastGivenUp: { action: 'skip', event: { position: 3n } },
      });
      expect(warnings[0]).toContain(
        'processor "tested" has skipped event "number" (stream "s", version 1, position 2) after',
      );
      // The second waits for its turn to be told, and is told at the end at the latest.
      expect(warnings).toHaveLength(2);
    },
  );

  it('compensate: calls what makes good for it, again if it fails, and goes on', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', [1, 2]);
    const seen: number[] = [];
    const compensated: unknown[] = [];
    let fails = 1;
    const { runner } = rigRunner(backend, {
      policy: { onFailure: 'compensate', errors: badIsPermanent },
      delivery: failingAt([1], seen),
      compensate: async (event, error, context) => {
        if (fails-- > 0) throw new Error('not yet');
        compensated.push([numberOf(event), error.message, context.attempt]);
      },
    });
    await runner.start();
    await runner.waitFor(2n);
    expect(compensated).toEqual([[1, 'no 1', 2]]);
    expect(seen).toEqual([2]);
    expect(runner.status()).toMatchObject({ compensated: 1, handled: 1 });
    await runner.stop();
  });

  it('compensate: stops the processor if even that fails', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', [1, 2]);
    const { runner } = rigRunner(backend, {
      policy: { onFailure: 'compensate', errors: badIsPermanent },
      delivery: failingAt([1], []),
      compensate: () => {
        throw new Error('cannot');
      },
    });
    await runner.start();
    const { failure } = await until(runner, ({ state }) => state === 'failed');
    expect(failure?.error).toMatchObject({
      code: 'compensation-failed',
      failure: { message: 'no 1' },
      cause: { message: 'cannot' },
    });
    await runner.stop();
  });

  it('pitfall 10: park: parks the event and what follows of its key, in order, while other keys go on', async () => {
    const backend = memory();
    await appendNumbers(backend, 'a', [1, 2]);
    await appendNumbers(backend, 'b', [3]);
    await appendNumbers(backend, 'a', [4]);
    const seen: number[] = [];
    const bad = [1];
    const { runner } = rigRunner(backend, {
      policy: { onFailure: 'park', errors: badIsPermanent },
      delivery: failingAt(bad, seen),
    });
    await runner.start();
    await runner.waitFor(4n);
    expect(seen).toEqual([3]);
    expect(runner.status()).toMatchObject({
      parked: 3,
      handled: 1,
      deadLetters: { sequences: 1, letters: 3 },
    });
    const letters = await backend.deadLetters.letters('tested', 'a');
    expect(letters.map(({ position, attempts, error }) => [position, attempts, error?.message])).toEqual([
      [1n, 1, 'no 1'],
      [2n, 0, undefined],
      [4n, 0, undefined],
    ]);
    // A new start learns of them, and new events of the key wait behind them.
    await runner.stop();
    const again = rigRunner(backend, {
      policy: { onFailure: 'park', errors: badIsPermanent },
      delivery: failingAt(bad, seen),
    }).runner;
    await again.start();
    const last = await appendNumbers(backend, 'a', [5]);
    await again.waitFor(last);
    expect(seen).toEqual([3]);
    expect(await again.letterRetries.sequence('a', { by: 'me' })).toMatchObject({
      handled: 0,
      end: 'failed',
    });
    expect((await backend.deadLetters.letters('tested', 'a'))[0]).toMatchObject({ attempts: 2 });
    bad.pop();
    expect(await again.letterRetries.sequence('a', { by: 'me' })).toEqual({
      sequence: 'a',
      handled: 4,
      end: 'empty',
    });
    expect(seen).toEqual([3, 1, 2, 4, 5]);
    await again.waitFor(await appendNumbers(backend, 'a', [6]));
    expect(seen.at(-1)).toBe(6);
    expect(again.status().deadLetters).toEqual({ sequences: 0, letters: 0 });
    await again.stop();
  });

  it.each([
    [{ maxSequences: 1 }, 'maxSequences', 3n],
    [{ maxLetters: 2 }, 'maxLetters', 5n],
  ])('park: fails when there is no room (%j)', async (deadLetters, named, position) => {
    const backend = memory();
    await appendNumbers(backend, 'a', [1]);
    await appendNumbers(backend, 'a', [2]);
    await appendNumbers(backend, 'b', [named === 'maxSequences' ? 1 : 9]);
    await appendNumbers(backend, 'c', [9]);
    await appendNumbers(backend, 'a', [3]);
    const { runner } = rigRunner(backend, {
      policy: { onFailure: 'park', errors: badIsPermanent },
      deadLetters,
      delivery: failingAt([1], []),
    });
    await runner.start();
    const { failure } = await until(runner, ({ state }) => state === 'failed');
    expect(failure).toMatchObject({ error: { code: 'dead-letters-full' }, event: { position } });
    expect(failure?.reason).toContain(named);
    await runner.stop();
  });

  it('park: waits for a store that is away, and loses nothing', async () => {
    const inner = memory();
    let away = 3;
    const store = inner.deadLetters;
    const deadLetters = new Proxy(store, {
      get: (target, key) =>
        key === 'park'
          ? async (...parameters: Parameters<typeof store.park>) => {
              if (away-- > 0) throw new StoreUnavailableError('away');
              return target.park(...parameters);
            }
          : (Reflect.get(target, key) as (...parameters: unknown[]) => unknown).bind(target),
    });
    const backend = backendWith({ deadLetters }, inner);
    await appendNumbers(backend, 'a', [1, 2]);
    const { runner } = rigRunner(backend, {
      policy: { onFailure: 'park', errors: badIsPermanent },
      delivery: failingAt([1], []),
    });
    await runner.start();
    await runner.waitFor(2n);
    expect(await store.count()).toEqual([{ processor: 'tested', sequences: 1, letters: 2 }]);
    await runner.stop();
  });

  it.each(['park', 'compensate'] as const)('refuses %s where it cannot be', (onFailure) => {
    expect(() =>
      rigRunner(memory(), {
        policy: { onFailure },
        compensate: () => undefined,
        delivery: { mode: 'transaction', handle: async () => undefined },
      }),
    ).toThrow('handles in transactions');
  });
});

describe('timeoutMs', () => {
  it('aborts the signal of the try, which then has failed, and is tried again', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', [1]);
    const reasons: unknown[] = [];
    const { runner } = rigRunner(backend, {
      policy: { timeoutMs: 5 },
      delivery: {
        mode: 'each',
        handle: async (_, { signal, attempt }) => {
          if (attempt > 2) return;
          await new Promise<void>((resolve) =>
            signal.addEventListener('abort', () => resolve(), { once: true }),
          );
          reasons.push(signal.reason);
          if (attempt === 2) throw new Error('told to stop');
        },
      },
    });
    await runner.start();
    await runner.waitFor(1n);
    expect(reasons).toMatchObject([{ code: 'handler-timeout' }, { code: 'handler-timeout' }]);
    expect(runner.status()).toMatchObject({ handled: 1, retried: 2 });
    await runner.stop();
  });

  it.each(['each', 'transaction'] as const)(
    'leaves a handler behind that never settles, shows it, and goes on, with delivery %s',
    async (mode) => {
      const backend = memory();
      await appendNumbers(backend, 's', [1]);
      const stuck = signalled();
      let calls = 0;
      const handle = async (): Promise<void> => {
        calls += 1;
        if (calls === 1) await stuck.promise;
      };
      const { runner } = rigRunner(
        backend,
        { policy: { timeoutMs: 5 }, delivery: mode === 'each' ? { mode, handle } : { mode, handle } },
        { abandonMs: 5 },
      );
      await runner.start();
      await runner.waitFor(1n);
      expect(runner.status()).toMatchObject({
        handled: 1,
        retried: 1,
        slow: [{ handler: 'tested', stream: 's', position: 1n, leftBehind: true }],
      });
      stuck.resolve();
      await until(runner, ({ slow }) => slow.length === 0);
      expect(runner.status()).toMatchObject({ handled: 1, state: 'running' });
      await runner.stop();
    },
  );

  it('stops when too many were left behind', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', [1]);
    const { runner } = rigRunner(
      backend,
      {
        policy: { timeoutMs: 1 },
        retry: { attempts: 100, initialDelayMs: 0, maxDelayMs: 0 },
        delivery: { mode: 'each', handle: () => new Promise(() => undefined) },
      },
      { abandonMs: 1 },
    );
    await runner.start();
    const { failure, slow } = await until(runner, ({ state }) => state === 'failed');
    expect(failure?.error).toMatchObject({ code: 'handlers-left', left: 16 });
    expect(slow).toHaveLength(16);
    await runner.stop();
  });

  it.each([0, -1, Number.NaN])('refuses %p', (timeoutMs) => {
    expect(() => rigRunner(memory(), { policy: { timeoutMs }, delivery: failingAt([], []) })).toThrow(
      'timeoutMs',
    );
  });
});

it('shows a handler that takes longer than a minute without a timeout, until it ends', async () => {
  const clock = manualClock();
  const backend = memory();
  await appendNumbers(backend, 's', [1]);
  const busy = signalled();
  const started = signalled();
  const { runner } = rigRunner(
    backend,
    {
      delivery: {
        mode: 'each',
        handle: () => {
          started.resolve();
          return busy.promise;
        },
      },
    },
    { clock },
  );
  await runner.start();
  await started.promise;
  for (let i = 0; i < 4; i += 1) await clock.advance(15_000);
  expect(runner.status().slow).toEqual([]);
  await clock.advance(15_000);
  expect(runner.status().slow).toMatchObject([{ handler: 'tested', position: 1n, leftBehind: false }]);
  busy.resolve();
  await until(runner, ({ slow }) => slow.length === 0);
  await runner.stop();
});

describe('breaker', () => {
  it.each(['each', 'transaction'] as const)(
    'has events wait while what they depend on is away, and counts no try, with delivery %s',
    async (mode) => {
      const backend = memory();
      await appendNumbers(backend, 'a', [1, 2]);
      await appendNumbers(backend, 'b', [3, 4]);
      let away = true;
      let calls = 0;
      const probed = signalled();
      const seen: number[] = [];
      const take = (numbers: readonly number[]): void => {
        calls += 1;
        if (calls === 12) probed.resolve();
        if (away) throw new Error('model away');
        seen.push(...numbers);
      };
      const { runner } = rigRunner(backend, {
        retry: { attempts: 4, initialDelayMs: 0, maxDelayMs: 0 },
        policy: { breaker: { name: 'model', failures: 2, probeAfterMs: 5, maxProbeAfterMs: 10 } },
        delivery:
          mode === 'each'
            ? { mode, handle: (event) => take([numberOf(event)]) }
            : { mode, handle: async (events) => take(events.map(numberOf)) },
      });
      await runner.start();
      await until(runner, ({ breakers }) => breakers[0]?.state === 'open');
      expect(runner.status().breakers).toMatchObject([{ name: 'model', error: { message: 'model away' } }]);
      // Long enough for more probes than there are tries.
      await probed.promise;
      expect(runner.status()).toMatchObject({ state: 'running', handled: 0 });
      away = false;
      await runner.waitFor(4n);
      expect(seen.filter((number) => number < 3)).toEqual([1, 2]);
      expect(seen.filter((number) => number >= 3)).toEqual([3, 4]);
      expect(runner.status()).toMatchObject({ breakers: [], handled: 4 });
      await runner.stop();
    },
  );

  it('keeps batches together while it is open', async () => {
    const backend = memory();
    await appendNumbers(backend, 'a', [1, 2, 3]);
    let away = 3;
    const batches: number[][] = [];
    const { runner } = rigRunner(backend, {
      retry: { attempts: 4, initialDelayMs: 0, maxDelayMs: 0 },
      policy: { breaker: { failures: 1, probeAfterMs: 5, maxProbeAfterMs: 5 } },
      delivery: {
        mode: 'batch',
        handle: async (events) => {
          batches.push(events.map(numberOf));
          if (away-- > 0) throw new Error('away');
        },
      },
    });
    await runner.start();
    await runner.waitFor(3n);
    expect(batches.flat().filter((number) => number === 3).length).toBeGreaterThan(0);
    expect(runner.status()).toMatchObject({ handled: 3, state: 'running' });
    await runner.stop();
  });
});

it('bulkhead: keeps the calls under way below its size, whatever the concurrency', async () => {
  const backend = memory();
  for (let i = 0; i < 10; i += 1) await appendNumbers(backend, `s${i}`, [i]);
  let underWay = 0;
  let most = 0;
  const { runner } = rigRunner(backend, {
    policy: { bulkhead: { concurrency: 2 } },
    delivery: {
      mode: 'each',
      handle: async () => {
        underWay += 1;
        most = Math.max(most, underWay);
        await settled();
        underWay -= 1;
      },
    },
  });
  await runner.start();
  await runner.waitFor(10n);
  expect(most).toBe(2);
  await runner.stop();
});

describe('what handlers may throw', () => {
  const hostile = (): Error =>
    Object.defineProperties(new Error(), {
      message: {
        get: () => {
          throw new Error('no message');
        },
      },
      stack: {
        get: () => {
          throw new Error('no stack');
        },
      },
      cause: {
        get: () => {
          throw new Error('no cause');
        },
      },
      name: {
        get: () => {
          throw new Error('no name');
        },
      },
    });
  const cyclic = (): Error => {
    const error = new Error('round');
    error.cause = error;
    return error;
  };
  const proxy = (): unknown =>
    new Proxy(
      {},
      {
        getPrototypeOf: () => {
          throw new Error('no prototype');
        },
      },
    );

  it.each([
    ['undefined', () => undefined],
    ['a string', () => 'no'],
    ['a cyclic error', cyclic],
    ['an error that throws when it is read', hostile],
    ['a proxy that throws when it is looked at', proxy],
  ])('parks an event whose handler throws %s', async (_, make) => {
    const backend = memory();
    await appendNumbers(backend, 's', [1]);
    const { runner } = rigRunner(backend, {
      policy: { onFailure: 'park' },
      delivery: {
        mode: 'each',
        handle: () => {
          throw make();
        },
      },
    });
    await runner.start();
    await runner.waitFor(1n);
    const [letter] = await backend.deadLetters.letters('tested', 's');
    expect(letter).toMatchObject({ attempts: 3, error: { message: expect.any(String) } });
    expect(runner.status().state).toBe('running');
    await runner.stop();
  });
});
