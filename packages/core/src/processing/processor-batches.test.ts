import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { memory } from '../backend/memory/memory.js';
import { StoreUnavailableError } from '../log/errors.js';
import type { EventsContext } from '../model/batch-handler.js';
import type { BatchDelivery } from '../model/processor-definition.js';
import { manualClock } from '../testing/manual-clock.js';
import { appendNumbers, numberOf, rigRunner, signalled, until } from '../testing/runner-rig.test-support.js';

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

describe('A processor with delivery in batches', () => {
  it('gets what waits, up to the most, in order, with one checkpoint for all of it', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', range(25));
    const batches: (readonly number[])[] = [];
    const contexts: EventsContext[] = [];
    const { runner } = rigRunner(backend, {
      delivery: {
        mode: 'batch',
        max: 10,
        handle: async (events, context) => {
          await setImmediate();
          contexts.push(context);
          batches.push(events.map(numberOf));
        },
      },
    });
    await runner.start();
    await runner.waitFor(25n);
    expect(batches).toEqual([range(10), range(20).slice(10), range(25).slice(20)]);
    expect(contexts[0]).toMatchObject({ processor: 'tested', attempt: 1, messageId: undefined });
    expect(contexts[0]?.events.map(numberOf)).toEqual(range(10));
    expect(runner.status()).toMatchObject({ handled: 25, retried: 0 });
    await runner.drain();
    expect(runner.status().checkpoint).toBe(25n);
  });

  it('makes batches of one key, side by side with others, where it is told to', async () => {
    const backend = memory();
    for (const number of range(12)) await appendNumbers(backend, `s${number % 3}`, [number]);
    const batches: (readonly string[])[] = [];
    const { runner } = rigRunner(backend, {
      delivery: {
        mode: 'batch',
        per: 'key',
        handle: (events) =>
          void batches.push([events[0]?.stream ?? '', ...events.map(({ stream }) => stream)]),
      },
    });
    await runner.start();
    await runner.waitFor(12n);
    await runner.stop();
    expect(batches).toHaveLength(3);
    for (const [stream, ...streams] of batches) expect(new Set(streams)).toEqual(new Set([stream]));
  });

  it('tries each event by itself when a batch fails: one that cannot be handled does not fail the others', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', range(6));
    const calls: (readonly number[])[] = [];
    const causes: (string | undefined)[] = [];
    const { runner } = rigRunner(backend, {
      delivery: {
        mode: 'batch',
        handle: async (events, { messageId }) => {
          calls.push(events.map(numberOf));
          causes.push(messageId);
          if (events.some((event) => numberOf(event) === 3)) throw new Error('3 cannot be handled');
        },
      },
    });
    await runner.start();
    const status = await until(runner, ({ state }) => state === 'failed');
    expect(calls).toEqual([range(6), [0], [1], [2], [3], [3], [3]]);
    expect(status).toMatchObject({ handled: 3, position: 3n });
    expect(status.failure?.event?.data).toBe(3);
    // What stands alone is a cause.
    expect(causes[0]).toBeUndefined();
    expect(causes[4]).toBe(status.failure?.event?.id);
    await runner.stop();
  });

  it('tries a batch as a whole again when the backend is away', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', range(4));
    const calls: (readonly number[])[] = [];
    const { runner } = rigRunner(backend, {
      delivery: {
        mode: 'batch',
        handle: async (events) => {
          calls.push(events.map(numberOf));
          if (calls.length < 7) throw new StoreUnavailableError('away');
        },
      },
    });
    await runner.start();
    await runner.waitFor(4n);
    expect(calls).toEqual(range(7).map(() => range(4)));
    expect(runner.status()).toMatchObject({ state: 'running', handled: 4, degraded: undefined });
    await runner.stop();
  });

  it('waits for more as long as it may, and not when it drains or no more can come', async () => {
    const backend = memory();
    const clock = manualClock();
    const batches: (readonly number[])[] = [];
    const { runner } = rigRunner(
      backend,
      {
        batchSize: 4,
        readAhead: 6,
        delivery: {
          mode: 'batch',
          max: 6,
          waitMs: 1_000,
          per: 'key',
          handle: (events) => void batches.push(events.map(numberOf)),
        },
      },
      { clock },
    );
    await runner.start();
    await appendNumbers(backend, 'a', [0, 1]);
    await until(runner, ({ pending }) => pending === 2 || batches.length > 0);
    expect(batches).toEqual([]);
    await clock.advance(1_000);
    expect(batches).toEqual([[0, 1]]);
    // More keys than may wait: none of them gets full, and nothing more is read before something is done.
    for (const number of range(12)) await appendNumbers(backend, `k${number}`, [number]);
    await runner.waitFor(10n);
    expect(batches.length).toBeGreaterThan(1);
    await runner.drain();
    expect(batches.flat().length).toBeGreaterThanOrEqual(10);
    expect(runner.status()).toMatchObject({ handled: batches.flat().length, pending: 0 });
    expect(runner.status().checkpoint).toBe(BigInt(batches.flat().length));
  });

  it('delivers again after a stop what was in a batch that did not end', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', range(3));
    const gate = signalled();
    let calls = 0;
    const delivery: BatchDelivery = {
      mode: 'batch',
      handle: async (_, { signal }) => {
        calls += 1;
        if (calls > 1) return;
        signal.addEventListener('abort', () => gate.resolve());
        await gate.promise;
      },
    };
    const { runner } = rigRunner(backend, { delivery });
    await runner.start();
    await until(runner, ({ inFlight }) => inFlight === 3);
    await runner.stop();
    expect(runner.status().checkpoint).toBeUndefined();
    await runner.start();
    await runner.waitFor(3n);
    await runner.stop();
    expect(runner.status()).toMatchObject({ handled: 3, checkpoint: 3n });
  });

  it.each([
    ['max', { max: 0 }],
    ['min', { min: 200 }],
    ['waitMs', { waitMs: -1 }],
    ['targetMs', { targetMs: 0 }],
    ['keyConcurrency', { keyConcurrency: 0.5 }],
  ])('refuses a senseless %s', (option, options) => {
    const delivery: BatchDelivery = { mode: 'batch', handle: () => undefined, ...options };
    expect(() => rigRunner(memory(), { delivery })).toThrow(
      new RegExp(`${option}.* of .*processor "tested" \\(here:1:1\\) must be`),
    );
  });

  it('makes batches as large as keeps to the target, for a handler among others', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', range(100));
    const sizes: number[] = [];
    const batch = {
      max: 64,
      targetMs: 60_000,
      handle: (events: readonly unknown[]): void => void sizes.push(events.length),
    };
    const { runner } = rigRunner(backend, {
      delivery: { mode: 'each', handle: () => undefined, batches: [batch], batchOf: () => batch },
    });
    await runner.start();
    await runner.waitFor(100n);
    await runner.stop();
    expect(sizes).toEqual([16, 32, 52]);
  });
});

describe('Batches under random loads', () => {
  const load = fc.record({
    events: fc.array(
      fc.record({
        stream: fc.constantFrom('a', 'b', 'c'),
        kind: fc.constantFrom('single', 'batch', 'rejects'),
        turns: fc.nat({ max: 2 }),
      }),
      { minLength: 1, maxLength: 50 },
    ),
    max: fc.integer({ min: 1, max: 7 }),
    per: fc.constantFrom('key' as const, 'all' as const),
    batchSize: fc.integer({ min: 1, max: 12 }),
    concurrency: fc.integer({ min: 1, max: 4 }),
  });

  it('respect the most and the order, lose nothing, and pass no checkpoint over what is not handled', async () => {
    await fc.assert(
      fc.asyncProperty(load, async ({ events, max, per, batchSize, concurrency }) => {
        const backend = memory();
        for (const [number, { stream }] of events.entries()) await appendNumbers(backend, stream, [number]);
        const order = new Map<string, number[]>();
        const finished = new Set<number>();
        const refused = new Set<number>();
        const violations: string[] = [];
        const done = (numbers: readonly number[]): void => {
          for (const number of numbers) {
            const { stream = '', kind } = events[number] ?? {};
            // Across the handlers of a class, only batches by key keep the order.
            const queue = per === 'key' ? stream : kind === 'single' ? stream : 'batches';
            order.set(queue, [...(order.get(queue) ?? []), number]);
            if (finished.has(number)) violations.push(`${number} twice`);
            finished.add(number);
          }
        };
        const handle = async (numbers: readonly number[]): Promise<void> => {
          for (let turn = 0; turn < (events[numbers[0] ?? 0]?.turns ?? 0); turn += 1) await setImmediate();
          // The first try of a batch with such an event fails; alone, the second goes well.
          const bad = numbers.find((number) => events[number]?.kind === 'rejects' && !refused.has(number));
          if (bad !== undefined) {
            if (numbers.length === 1) refused.add(bad);
            throw new Error(`${bad} is rejected`);
          }
          done(numbers);
        };
        const batch = {
          max,
          per,
          handle: (several: Parameters<BatchDelivery['handle']>[0]) => {
            if (several.length > max) violations.push(`${several.length} in a batch`);
            return handle(several.map(numberOf));
          },
        };
        const { runner } = rigRunner(backend, {
          batchSize,
          delivery: {
            mode: 'each',
            concurrency,
            handle: (event) => handle([numberOf(event)]),
            batches: [batch],
            batchOf: (event) => (events[numberOf(event)]?.kind === 'single' ? undefined : batch),
          },
        });
        runner.onChange(({ position = 0n }) => {
          for (let number = 0; number < position; number += 1) {
            if (!finished.has(number)) violations.push(`position ${position} passed ${number}`);
          }
        });
        await runner.start();
        await runner.waitFor(BigInt(events.length));
        await runner.drain();
        expect(violations).toEqual([]);
        expect(finished.size).toBe(events.length);
        for (const numbers of order.values()) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      }),
      { numRuns: 80 },
    );
  });

  it('lose nothing over failures and restarts, and pass no checkpoint over what is not handled', async () => {
    const disturbances = fc.array(
      fc.record({ after: fc.nat({ max: 8 }), operation: fc.constantFrom('stop' as const, 'drain' as const) }),
      { maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(load, disturbances, async ({ events, max, per, batchSize, concurrency }, ends) => {
        const backend = memory();
        for (const [number, { stream }] of events.entries()) await appendNumbers(backend, stream, [number]);
        const finished = new Set<number>();
        const rejections = new Map<number, number>();
        const violations: string[] = [];
        const checkCheckpoint = async (): Promise<void> => {
          const position = (await backend.checkpoints.load('tested'))?.position ?? 0n;
          for (let number = 0; number < position; number += 1) {
            if (!finished.has(number)) violations.push(`checkpoint ${position} passed ${number}`);
          }
        };
        const live = async (end: { readonly after: number; readonly operation: 'stop' | 'drain' }) => {
          const { runner } = rigRunner(backend, {
            batchSize,
            delivery: {
              mode: 'batch',
              max,
              per,
              concurrency,
              handle: async (several, { signal }) => {
                for (const event of several) {
                  const { kind, turns = 0 } = events[numberOf(event)] ?? {};
                  for (let turn = 0; turn < turns; turn += 1) await setImmediate();
                  const count = rejections.get(numberOf(event)) ?? 0;
                  rejections.set(numberOf(event), count + 1);
                  if (kind === 'rejects' && count < 2) throw new Error(`${numberOf(event)} is rejected`);
                  // What is done after the signal may count as not done.
                  if (!signal.aborted) finished.add(numberOf(event));
                }
              },
            },
          });
          await runner.start();
          for (let turn = 0; turn < end.after; turn += 1) await setImmediate();
          await runner[end.operation]();
          await checkCheckpoint();
        };
        for (const end of ends) await live(end);
        const done = async (): Promise<boolean> =>
          (await backend.checkpoints.load('tested'))?.position === BigInt(events.length);
        for (let after = 10; !(await done()) && after < 10_000; after *= 2) {
          await live({ after, operation: 'drain' });
        }
        expect(violations).toEqual([]);
        expect(finished.size).toBe(events.length);
        expect(await done()).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});
