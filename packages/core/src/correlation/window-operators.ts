import type { Window, WindowSpec } from './window.js';
import type { Complete, Operator } from './operator.js';
import { originOf, placeOf, type Origin, type TimedEvent } from './stored-event.js';

/** A window that is open, as JSON. */
interface OpenWindow {
  readonly identity: string;
  readonly start: number;
  end: number;
  count: number;
  /** Left out until something was folded. */
  state?: unknown;
  last: Origin;
}

/** A window, but for its key. */
export type ClosedWindow = Omit<Window, 'key'>;

/** The state after an event, given the one before; `undefined` leaves it as it is. What it gives back is plain JSON. */
export type Fold = (event: TimedEvent, state: unknown) => unknown;

type WindowOperator = Operator<OpenWindow[], ClosedWindow>;

/** The operator of windows of this kind. */
export const windowOperator = (spec: WindowSpec, fold: Fold): WindowOperator => {
  switch (spec.kind) {
    case 'time':
      return timeWindows(spec.sizeMs, spec.everyMs, fold);
    case 'session':
      return sessions(spec.gapMs, fold);
    case 'count':
      return counts(spec.size, spec.withinMs, fold);
    default:
      return spec satisfies never;
  }
};

/** Tumbling windows are sliding ones that begin when the one before ends. In the order of the log: late means that all are closed. */
const timeWindows = (sizeMs: number, everyMs: number, fold: Fold): WindowOperator => ({
  ...common,
  shape: `time ${sizeMs}/${everyMs}`,
  ordered: false,
  spanMs: everyMs,
  take(state, event, watermark) {
    const last = Math.floor(event.time / everyMs) * everyMs;
    let isTaken = false;
    for (let start = last; start > event.time - sizeMs; start -= everyMs) {
      const end = start + sizeMs;
      if (end <= watermark) break;
      isTaken = true;
      const open = state.find((window) => window.start === start);
      if (open === undefined) state.push(opened(`${start}`, start, end, event, fold));
      else add(open, event, fold);
    }
    return isTaken;
  },
  pass: (state, watermark, complete) => closeUntil(state, watermark, complete),
  due: earliestEnd,
});

/** Events come in the order of their times, so at most one session of a key is open, and none is ever joined to another. */
const sessions = (gapMs: number, fold: Fold): WindowOperator => ({
  ...common,
  shape: `session ${gapMs}`,
  ordered: true,
  spanMs: gapMs,
  take(state, event) {
    const [open] = state;
    if (open === undefined) {
      state.push(opened(placeOf(event), event.time, event.time + gapMs, event, fold));
    } else {
      add(open, event, fold);
      open.end = event.time + gapMs;
    }
    return true;
  },
  pass: (state, watermark, complete) => closeUntil(state, watermark, complete),
  due: earliestEnd,
});

/** So many events, in the order of the log: none is late. While a window is open, its end is that of its patience. */
const counts = (size: number, withinMs: number | undefined, fold: Fold): WindowOperator => ({
  ...common,
  shape: `count ${size}/${withinMs ?? ''}`,
  ordered: false,
  spanMs: withinMs ?? Number.POSITIVE_INFINITY,
  take(state, event, _watermark, complete) {
    const [open] = state;
    const end = event.time + (withinMs ?? 0);
    if (open === undefined) state.push(opened(placeOf(event), event.time, end, event, fold));
    else add(open, event, fold);
    const [window] = state;
    if (window !== undefined && window.count >= size) {
      state.shift();
      close({ ...window, end: event.time }, complete);
    }
    return true;
  },
  pass(state, watermark, complete) {
    if (withinMs !== undefined) closeUntil(state, watermark, complete);
  },
  due: (state) => (withinMs === undefined ? undefined : earliestEnd(state)),
});

const common = {
  create: (): OpenWindow[] => [],
  size: (state: readonly OpenWindow[]): number => state.length,
  trim(state: OpenWindow[], size: number): void {
    state.length = size;
  },
  toJson: (state: readonly OpenWindow[]): unknown => state,
  // Written by `toJson` alone.
  fromJson: (json: unknown): OpenWindow[] => json as OpenWindow[],
};

const opened = (identity: string, start: number, end: number, event: TimedEvent, fold: Fold): OpenWindow => {
  const window: OpenWindow = { identity, start, end, count: 0, last: originOf(event) };
  add(window, event, fold);
  return window;
};

const add = (window: OpenWindow, event: TimedEvent, fold: Fold): void => {
  const next = fold(event, window.state);
  if (next !== undefined) window.state = next;
  window.count += 1;
  window.last = originOf(event);
};

const earliestEnd = (state: readonly OpenWindow[]): number | undefined => {
  let earliest: number | undefined;
  for (const { end } of state) if (earliest === undefined || end < earliest) earliest = end;
  return earliest;
};

/** In the order of their ends, whatever the order in which they were opened. */
const closeUntil = (state: OpenWindow[], watermark: number, complete: Complete<ClosedWindow>): void => {
  const ended = state.filter(({ end }) => end <= watermark);
  if (ended.length === 0) return;
  const open = state.filter(({ end }) => end > watermark);
  state.splice(0, state.length, ...open);
  for (const window of ended.toSorted((a, b) => a.end - b.end)) close(window, complete);
};

const close = (window: OpenWindow, complete: Complete<ClosedWindow>): void => {
  const { identity, start, end, count, state, last } = window;
  complete(identity, { start: new Date(start), end: new Date(end), count, state }, last);
};
