import { expect } from '@jest/globals';
import type { Backend, RecordedEvent } from '@tidemark/core';
import type { Happening } from '../../packages/core/src/correlation/correlating.test-support.js';
import {
  naiveCounts,
  naiveMatches,
  naiveSessions,
  naiveTimeWindows,
} from '../../packages/core/src/correlation/naive.test-support.js';
import { countOf, everyMs, gapMs, lateness, sizeMs, types, withinMs, type Said } from './definitions.js';

/*
 * What is derived follows from the log alone, the events that tell the time among it. So what a run without any disturbance would
 * have derived is computed from the log that the disturbed ones have left.
 */

const typeNames: ReadonlySet<string> = new Set(types);

/** What one correlation is given, with the times that count. */
const happeningsOf = (
  log: readonly RecordedEvent[],
  name: string,
  isByOwnTime: boolean,
): readonly Happening[] => {
  const tick = `correlation:${name}:time`;
  let latest = Number.NEGATIVE_INFINITY;
  return log
    .filter(({ type }) => typeNames.has(type) || type === tick)
    .map(({ type, data, recordedAt }): Happening => {
      const isTick = type === tick;
      const { key, n, time: own } = isTick ? { key: '', n: -1, time: 0 } : (data as Said);
      const recorded = recordedAt.getTime();
      const time = isByOwnTime && !isTick ? Math.min(own, recorded) : Math.max(recorded, latest);
      latest = Math.max(latest, time);
      return { type, key, n, time };
    });
};

const sorted = (items: readonly unknown[]): readonly string[] =>
  items.map((item) => JSON.stringify(item)).toSorted();

/** Reads the log and holds what was derived against what should be. @returns how much was derived, by correlation */
export const checkDerived = async (backend: Backend): Promise<ReadonlyMap<string, number>> => {
  const log: RecordedEvent[] = [];
  for await (const batch of backend.events.readAll()) log.push(...batch);
  const ids = log.map(({ id, stream }) => `${stream} ${id}`);
  expect(new Set(ids).size).toBe(ids.length);
  const own = (name: string, isByOwnTime: boolean) => happeningsOf(log, name, isByOwnTime);
  const wanted: Readonly<Record<string, readonly unknown[]>> = {
    tumbling: naiveTimeWindows(own('tumbling', true), sizeMs, sizeMs, lateness).windows,
    sliding: naiveTimeWindows(own('sliding', false), sizeMs, everyMs, 0).windows,
    session: naiveSessions(own('session', true), gapMs, lateness).windows,
    count: naiveCounts(own('count', false), countOf, withinMs, 0),
    answer: naiveMatches(
      own('answer', false),
      [step('said'), step('withdrawn', true), step('answered')],
      withinMs,
      0,
    ).matches,
    silence: naiveMatches(own('silence', false), [step('said'), step('answered', true)], withinMs, 0).matches,
  };
  const counts = new Map<string, number>();
  for (const [name, items] of Object.entries(wanted)) {
    const derived = log.filter(({ stream }) => stream.startsWith(`correlation:${name}-`));
    const ofEvents = items.filter((item) => !isOfTicks(item));
    expect([name, ...sorted(derived.map(({ data }) => data))]).toEqual([name, ...sorted(ofEvents)]);
    counts.set(name, derived.length);
  }
  return counts;
};

/** Ticks have no key, so the correlations put them into no window. */
const isOfTicks = (item: unknown): boolean =>
  typeof item === 'object' && item !== null && 'key' in item && item.key === '';

function step(type: string, negative = false) {
  return { type, negative };
}
