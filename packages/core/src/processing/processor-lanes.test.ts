import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { memory } from '../backend/memory/memory.js';
import { ConfigurationError } from '../error.js';
import { priorities, type Priority } from '../model/handler-policy.js';
import { TypeIntake } from '../routing/intake.js';
import {
  appendNumbers,
  backendWith,
  numberOf,
  rigRunner,
  signalled,
  type RunnerRig,
  until,
} from '../testing/runner-rig.test-support.js';

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

/** Waits until so many events wait in memory: no change of state tells of that. */
const pendingIn = async ({ runner }: RunnerRig, count: number): Promise<void> => {
  while (runner.status().pending < count) await setImmediate();
};

/** A delivery that notes the numbers it is given, each in a turn of its own once the gate is open. */
const slowly = (seen: number[], gate: Promise<void>, concurrency = 1) => ({
  mode: 'each' as const,
  concurrency,
  handle: async (event: Parameters<typeof numberOf>[0]): Promise<void> => {
    await gate;
    seen.push(numberOf(event));
  },
});

describe('Priorities of a processor', () => {
  it('let the critical overtake all that waits in memory, and low have its turn among them', async () => {
    const backend = memory();
    // One event of each stream: none waits for another.
    for (const number of range(300)) await appendNumbers(backend, `s${number}`, [number]);
    const seen: number[] = [];
    const gate = signalled();
    const rig = rigRunner(backend, {
      batchSize: 100,
      readAhead: 300,
      policy: {
        priority: (event) => {
          const number = numberOf(event);
          if (number === 0) return 'low';
          return number >= 250 ? 'critical' : 'normal';
        },
      },
      delivery: slowly(seen, gate.promise),
    });
    const { runner } = rig;
    await runner.start();
    await pendingIn(rig, 300);
    gate.resolve();
    await runner.waitFor(300n);
    await runner.stop();
    // The first was taken when nothing else was there. From then on, four of five turns are for the critical.
    const places = seen.flatMap((number, place) => (number >= 250 ? [place] : []));
    expect(places).toHaveLength(50);
    expect(Math.max(...places)).toBeLessThan(50 * 1.25 + 17);
    expect(seen.indexOf(0)).toBeLessThanOrEqual(17);
    expect(seen.filter((number) => number > 0 && number < 250)).toEqual(range(250).slice(1));
  });

  it('overtake nothing that is not read yet', async () => {
    const backend = memory();
    for (const number of range(40)) await appendNumbers(backend, `s${number}`, [number]);
    const seen: number[] = [];
    const gate = signalled();
    const rig = rigRunner(backend, {
      batchSize: 10,
      readAhead: 10,
      policy: { priority: (event) => (numberOf(event) === 39 ? 'critical' : 'normal') },
      delivery: slowly(seen, gate.promise),
    });
    const { runner } = rig;
    await runner.start();
    await pendingIn(rig, 10);
    gate.resolve();
    await runner.waitFor(40n);
    await runner.stop();
    expect(seen.indexOf(39)).toBeGreaterThanOrEqual(40 - 20);
    expect(seen.indexOf(39)).toBeLessThan(39);
  });

  it('are those of a route where one gives them', async () => {
    const backend = memory();
    for (const number of range(10)) await appendNumbers(backend, `s${number}`, [number]);
    const seen: number[] = [];
    const gate = signalled();
    const own = new TypeIntake({});
    const { runner } = rigRunner(
      backend,
      { policy: { priority: 'critical' }, delivery: slowly(seen, gate.promise) },
      {
        intake: {
          filter: (schema) => own.filter(schema),
          passed: () => undefined,
          onWider: () => () => undefined,
          select: (events) =>
            events.map((event) => ({
              ...event,
              routing: {
                route: 'tested',
                sourceId: event.id,
                part: 0,
                isDerived: false,
                priority: numberOf(event) < 5 ? 'low' : undefined,
              },
            })),
        },
      },
    );
    await runner.start();
    gate.resolve();
    await runner.waitFor(10n);
    await runner.stop();
    expect(seen.slice(0, 4)).toEqual(expect.arrayContaining([5, 6, 7]));
    expect(seen.filter((number) => number < 5)).toEqual(range(5));
  });

  it('must be known: given once and for all when the processor is made, else at the event', async () => {
    const wrong: Priority = JSON.parse('"urgent"');
    const backend = memory();
    await appendNumbers(backend, 's', [1]);
    const delivery = { mode: 'each' as const, handle: () => undefined };
    expect(() => rigRunner(backend, { policy: { priority: wrong }, delivery })).toThrow(ConfigurationError);
    const { runner } = rigRunner(backend, { policy: { priority: () => wrong }, delivery });
    await runner.start();
    const { failure, handled } = await until(runner, ({ state }) => state === 'failed');
    expect(failure?.reason).toMatch(
      /has the priority "urgent": it must be one of critical, high, normal, low/,
    );
    expect(handled).toBe(0);
    await runner.stop();
  });

  it('let several of a key be handled at once where that is allowed', async () => {
    const backend = memory();
    await appendNumbers(backend, 's', range(20));
    const seen: number[] = [];
    const gate = signalled();
    const rig = rigRunner(backend, {
      delivery: { ...slowly(seen, gate.promise, 8), keyConcurrency: 3 },
    });
    const { runner } = rig;
    await runner.start();
    await pendingIn(rig, 20);
    expect(runner.status().inFlight).toBe(3);
    gate.resolve();
    await runner.waitFor(20n);
    await runner.stop();
    expect(seen.toSorted((a, b) => a - b)).toEqual(range(20));
  });

  it('keep memory bounded under a backlog: no more waits than is read ahead, and one read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.constantFrom(...priorities), { minLength: 1, maxLength: 7 }),
        async (batchSize, readAhead, concurrency, pattern) => {
          const inner = memory();
          for (const number of range(40)) {
            await appendNumbers(
              inner,
              `s${number % 13}`,
              range(25).map((index) => number * 25 + index),
            );
          }
          let most = 0;
          const seen: number[] = [];
          const { runner } = rigRunner(backendWith({}, inner), {
            batchSize,
            readAhead,
            policy: { priority: (event) => pattern[numberOf(event) % pattern.length] ?? 'normal' },
            delivery: {
              mode: 'each',
              concurrency,
              handle: async (event) => {
                most = Math.max(most, runner.status().pending);
                seen.push(numberOf(event));
                if (numberOf(event) % 50 === 0) await setImmediate();
              },
            },
          });
          await runner.start();
          await runner.waitFor(1_000n);
          await runner.stop();
          expect(seen).toHaveLength(1_000);
          expect(most).toBeLessThanOrEqual(readAhead + batchSize - 1);
        },
      ),
      { numRuns: 25 },
    );
  });
});
