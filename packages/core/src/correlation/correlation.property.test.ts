import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { patternCorrelation, windowCorrelation } from './by-hand.js';
import type { CorrelationDefinition } from './definition.js';
import { Correlating, recordedOf, timeOf, type Happening } from './correlating.test-support.js';
import {
  naiveCounts,
  naiveMatches,
  naiveSessions,
  naiveTimeWindows,
  type NaiveStep,
  type NaiveWindow,
} from './naive.test-support.js';
import { pattern, type Pattern } from './pattern.js';
import { count, session, sliding, tumbling, type WindowSpec } from './window.js';

/*
 * Random events with random times, keys and lateness, cut into random batches, some of which are rolled back or begin in a new
 * process: what follows is always that of the plainest computation over the whole list.
 */

/** What happens to a batch. */
interface Cut {
  readonly size: number;
  readonly fails: boolean;
  readonly restarts: boolean;
}

const happenings = fc
  .array(
    fc.record({
      type: fc.constantFrom('a', 'b', 'c'),
      key: fc.constantFrom('k', 'l', 'm'),
      wait: fc.integer({ min: -12, max: 14 }),
    }),
    { maxLength: 60 },
  )
  .map((drafts) => {
    let time = 1_000;
    return drafts.map(({ type, key, wait }, n): Happening => {
      time += wait;
      return { type, key, time, n };
    });
  });
const cuts = fc.array(
  fc.record({ size: fc.integer({ min: 1, max: 20 }), fails: fc.boolean(), restarts: fc.boolean() }),
  { minLength: 1, maxLength: 20 },
);
const lateness = fc.integer({ min: 0, max: 30 });
const runs = { numRuns: 200 };

const correlate = async (
  definition: CorrelationDefinition,
  events: readonly Happening[],
  plan: readonly Cut[],
): Promise<{ readonly derived: readonly unknown[]; readonly late: number; readonly openKeys: number }> => {
  const correlating = await new Correlating(definition).open();
  const recorded = recordedOf(events);
  for (let next = 0, turn = 0; next < recorded.length; turn += 1) {
    const { size, fails, restarts } = plan[turn % plan.length] ?? { size: 1, fails: false, restarts: false };
    const batch = recorded.slice(next, next + size);
    if (fails) await correlating.batch(batch, true);
    if (restarts) correlating.restart();
    await correlating.batch(batch);
    // A checkpoint that was set back delivers what was taken in already.
    if (restarts) await correlating.batch(recorded.slice(Math.max(0, next - 5), next + size));
    next += size;
  }
  const derived = await correlating.derived();
  expect(new Set(derived.map(({ id }) => id)).size).toBe(derived.length);
  const { late, openKeys } = await correlating.status();
  return { derived: derived.map(({ data }) => data), late, openKeys };
};

const windowsOf = (window: WindowSpec, latenessMs: number): CorrelationDefinition =>
  windowCorrelation({
    name: 'windows',
    key: 'key',
    time: timeOf,
    lateness: latenessMs,
    events: ['a', 'b', 'c'],
    window,
    fold: (data, values: readonly number[] = []): readonly number[] => [...values, (data as Happening).n],
    emit: ({ key, start, end, state, count: size }) => {
      expect(size).toBe(state.length);
      return { type: 'closed', data: { key, start: start.getTime(), end: end.getTime(), values: state } };
    },
  });

const sorted = (items: readonly unknown[]): readonly string[] =>
  items.map((item) => JSON.stringify(item)).toSorted();

const inOrderOfKey = (windows: readonly unknown[]): boolean => {
  const last = new Map<string, number>();
  return (windows as readonly NaiveWindow[]).every(({ key, end }) => {
    const isBehind = end >= (last.get(key) ?? Number.NEGATIVE_INFINITY);
    last.set(key, end);
    return isBehind;
  });
};

describe('correlations agree with the plainest computation', () => {
  it('in tumbling and sliding windows', async () => {
    await fc.assert(
      fc.asyncProperty(
        happenings,
        cuts,
        lateness,
        fc.integer({ min: 1, max: 25 }),
        fc.integer({ min: 1, max: 4 }),
        async (events, plan, late, every, overlap) => {
          const size = every * overlap + (overlap > 1 ? 1 : 0);
          const spec = overlap === 1 ? tumbling(every) : sliding(size, every);
          const found = await correlate(windowsOf(spec, late), events, plan);
          const wanted = naiveTimeWindows(events, size, every, late);
          expect(sorted(found.derived)).toEqual(sorted(wanted.windows));
          expect(found.late).toBe(wanted.late);
          expect(inOrderOfKey(found.derived)).toBe(true);
        },
      ),
      runs,
    );
  });

  it('in sessions', async () => {
    await fc.assert(
      fc.asyncProperty(
        happenings,
        cuts,
        lateness,
        fc.integer({ min: 1, max: 25 }),
        async (events, plan, late, gap) => {
          const found = await correlate(windowsOf(session(gap), late), events, plan);
          const wanted = naiveSessions(events, gap, late);
          expect(sorted(found.derived)).toEqual(sorted(wanted.windows));
          expect(found.late).toBe(wanted.late);
        },
      ),
      runs,
    );
  });

  it('in counts', async () => {
    await fc.assert(
      fc.asyncProperty(
        happenings,
        cuts,
        lateness,
        fc.integer({ min: 1, max: 5 }),
        fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
        async (events, plan, late, size, within) => {
          const found = await correlate(windowsOf(count(size, { within }), late), events, plan);
          expect(sorted(found.derived)).toEqual(sorted(naiveCounts(events, size, within, late)));
          expect(found.late).toBe(0);
        },
      ),
      runs,
    );
  });

  const even = (event: Happening, first: Happening): boolean => (event.n + first.n) % 2 === 0;
  const patterns: readonly (readonly [string, Pattern<readonly unknown[]>, readonly NaiveStep[]])[] = [
    ['A then B', pattern('a').followedBy('b'), [step('a'), step('b')]],
    ['A then A', pattern('a').followedBy('a'), [step('a'), step('a')]],
    ['A without B', pattern('a').notFollowedBy('b'), [step('a'), step('b', true)]],
    [
      'A then a B that has to do with it',
      pattern<Happening>('a').followedBy<Happening>('b', (b, a) => even(b, a)),
      [step('a'), step('b', false, even)],
    ],
    [
      'A without a B that has to do with it',
      pattern<Happening>('a').notFollowedBy('b', (b: Happening, a) => even(b, a)),
      [step('a'), step('b', true, even)],
    ],
    [
      'A, no C, then B',
      pattern('a').notFollowedBy('c').followedBy('b'),
      [step('a'), step('c', true), step('b')],
    ],
    [
      'A, B, C, and then neither A nor C',
      pattern('a').followedBy('b').followedBy('c').notFollowedBy('a').notFollowedBy('c'),
      [step('a'), step('b'), step('c'), step('a', true), step('c', true)],
    ],
  ];
  for (const [name, draft, steps] of patterns) {
    it(`in the pattern ${name}`, async () => {
      await fc.assert(
        fc.asyncProperty(
          happenings,
          cuts,
          lateness,
          fc.integer({ min: 1, max: 60 }),
          async (events, plan, late, within) => {
            const definition = patternCorrelation({
              name: 'pattern',
              key: 'key',
              time: timeOf,
              lateness: late,
              pattern: draft.within(within),
              emit: ({ events: found }) => ({
                type: 'matched',
                data: found.map((event) => (event as Happening).n),
              }),
            });
            const found = await correlate(definition, events, plan);
            const wanted = naiveMatches(events, steps, within, late);
            expect(sorted(found.derived)).toEqual(sorted(wanted.matches));
            expect(found.late).toBe(wanted.late);
          },
        ),
        runs,
      );
    });
  }
});

function step(type: string, negative = false, where?: NaiveStep['where']): NaiveStep {
  return { type, negative, where };
}
