import type { Happening } from './correlating.test-support.js';

/*
 * The same results by the plainest means: from the whole list of events, without states. What the tests of correlations compare with.
 */

export interface NaiveWindow {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readonly values: readonly number[];
}

/** The watermark behind each event. */
const watermarksOf = (events: readonly Happening[], lateness: number): readonly number[] => {
  let latest = Number.NEGATIVE_INFINITY;
  return events.map(({ time }) => {
    latest = Math.max(latest, time);
    return latest - lateness;
  });
};

const lastOf = (watermarks: readonly number[]): number => watermarks.at(-1) ?? Number.NEGATIVE_INFINITY;

/** Each window that begins at a multiple of `every`, with the events that came while it was open. */
export const naiveTimeWindows = (
  events: readonly Happening[],
  size: number,
  every: number,
  lateness: number,
): { readonly windows: readonly NaiveWindow[]; readonly late: number } => {
  const watermarks = watermarksOf(events, lateness);
  const windows = new Map<string, NaiveWindow & { readonly values: number[] }>();
  let late = 0;
  for (const [index, { key, time, n }] of events.entries()) {
    const watermark = watermarks[index] ?? 0;
    let isTaken = false;
    for (
      let start = (Math.floor(time / every) - Math.ceil(size / every)) * every;
      start <= time;
      start += every
    ) {
      const end = start + size;
      if (time < start || time >= end || end <= watermark) continue;
      const window = windows.get(`${key} ${start}`) ?? { key, start, end, values: [] };
      windows.set(`${key} ${start}`, window);
      window.values.push(n);
      isTaken = true;
    }
    if (!isTaken) late += 1;
  }
  return { windows: [...windows.values()].filter(({ end }) => end <= lastOf(watermarks)), late };
};

/** The events of each key that were in time, in the order of their times. */
const inOrder = (events: readonly Happening[], lateness: number) => {
  const watermarks = watermarksOf(events, lateness);
  const last = lastOf(watermarks);
  const accepted = events.filter(({ time }, index) => time >= (watermarks[index] ?? 0));
  const byKey = new Map<string, Happening[]>();
  for (const event of accepted.filter(({ time }) => time <= last).toSorted((a, b) => a.time - b.time)) {
    byKey.set(event.key, [...(byKey.get(event.key) ?? []), event]);
  }
  return { byKey, last, late: events.length - accepted.length };
};

export const naiveSessions = (
  events: readonly Happening[],
  gap: number,
  lateness: number,
): { readonly windows: readonly NaiveWindow[]; readonly late: number } => {
  const { byKey, last, late } = inOrder(events, lateness);
  const windows: NaiveWindow[] = [];
  for (const [key, own] of byKey) {
    let begin = 0;
    for (let index = 0; index < own.length; index += 1) {
      const end = (own[index]?.time ?? 0) + gap;
      const next = own[index + 1];
      if (next !== undefined && next.time < end) continue;
      const members = own.slice(begin, index + 1);
      if (end <= last)
        windows.push({ key, start: members[0]?.time ?? 0, end, values: members.map(({ n }) => n) });
      begin = index + 1;
    }
  }
  return { windows, late };
};

export const naiveCounts = (
  events: readonly Happening[],
  size: number,
  within: number | undefined,
  lateness: number,
): readonly NaiveWindow[] => {
  const watermarks = watermarksOf(events, lateness);
  const closed: NaiveWindow[] = [];
  const open = new Map<string, Happening[]>();
  const closeUntil = (watermark: number): void => {
    for (const [key, members] of open) {
      const start = members[0]?.time ?? 0;
      if (within === undefined || start + within > watermark) continue;
      open.delete(key);
      closed.push({ key, start, end: start + within, values: members.map(({ n }) => n) });
    }
  };
  for (const [index, event] of events.entries()) {
    closeUntil(watermarks[index] ?? 0);
    const members = [...(open.get(event.key) ?? []), event];
    open.set(event.key, members);
    if (members.length < size) continue;
    open.delete(event.key);
    closed.push({
      key: event.key,
      start: members[0]?.time ?? 0,
      end: event.time,
      values: members.map(({ n }) => n),
    });
  }
  closeUntil(lastOf(watermarks));
  return closed;
};

/** A step: a type that must come, or, negative, must not; `where` compares with the first event. */
export interface NaiveStep {
  readonly type: string;
  readonly negative: boolean;
  readonly where?: ((event: Happening, first: Happening) => boolean) | undefined;
}

/** Each attempt is followed by itself, through all later events. */
export const naiveMatches = (
  events: readonly Happening[],
  steps: readonly NaiveStep[],
  within: number,
  lateness: number,
): { readonly matches: readonly (readonly number[])[]; readonly late: number } => {
  const { byKey, last, late } = inOrder(events, lateness);
  const matches: (readonly number[])[] = [];
  for (const own of byKey.values()) {
    for (const [begin, first] of own.entries()) {
      if (steps[0]?.type !== first.type) continue;
      const found = attempt(own.slice(begin + 1), first, steps.slice(1), first.time + within, last);
      if (found !== undefined) matches.push(found);
    }
  }
  return { matches, late };
};

const attempt = (
  later: readonly Happening[],
  first: Happening,
  steps: readonly NaiveStep[],
  deadline: number,
  last: number,
): readonly number[] | undefined => {
  const fits = (step: NaiveStep, event: Happening): boolean =>
    step.type === event.type && (step.where?.(event, first) ?? true);
  const found = [first.n];
  let rest = steps;
  for (const event of later) {
    if (event.time >= deadline) break;
    const next = rest.findIndex(({ negative }) => !negative);
    const absent = next === -1 ? rest : rest.slice(0, next);
    if (absent.some((step) => fits(step, event))) return undefined;
    const step = rest[next];
    if (step === undefined || !fits(step, event)) continue;
    found.push(event.n);
    rest = rest.slice(next + 1);
    if (rest.length === 0) return found;
  }
  return rest.length > 0 && rest.every(({ negative }) => negative) && deadline <= last ? found : undefined;
};
