import { milliseconds, type Duration } from '../duration.js';
import { ConfigurationError } from '../error.js';
import { definedAt } from '../model/defined-at.js';

/** How the events of a key are cut into windows. Made by {@link tumbling}, {@link sliding}, {@link session} or {@link count}. */
export type WindowSpec =
  | { readonly kind: 'time'; readonly sizeMs: number; readonly everyMs: number }
  | { readonly kind: 'session'; readonly gapMs: number }
  | { readonly kind: 'count'; readonly size: number; readonly withinMs: number | undefined };

/** One window of one key, when it closes. */
export interface Window<State = unknown> {
  readonly key: string;
  /** When it begins, inclusive; a session or a count begins with its first event. */
  readonly start: Date;
  /** When it ends, exclusive. Of a session: its last event and the gap. Of a full count: the time of its last event. */
  readonly end: Date;
  /** How many events are in it. */
  readonly count: number;
  /** What its events were folded to; `undefined` if nothing was. */
  readonly state: State;
}

/** How many sliding windows may be open at a time: each event is folded into all of them. */
const mostOverlaps = 100;

const span = (duration: Duration, what: string, place: string): number => {
  const value = milliseconds(duration, `${what} at ${place}`);
  if (value >= 1) return value;
  throw new ConfigurationError(`${what} at ${place} is ${value} ms: it must be 1 ms at least.`);
};

/**
 * Windows of one length, side by side: each event is in one. They begin at whole multiples of their length since 1970 in UTC,
 * as in Flink and Kafka Streams.
 *
 * @param size length: milliseconds, or `'5m'`
 * @throws {ConfigurationError} it is below 1 ms
 */
export const tumbling = (size: Duration): WindowSpec => {
  const sizeMs = span(size, 'tumbling(size)', definedAt(tumbling));
  return { kind: 'time', sizeMs, everyMs: sizeMs };
};

/**
 * Windows of one length that overlap: a new one begins each `every`, and each event is in `size / every` of them. Called
 * hopping windows too.
 *
 * @param size length: milliseconds, or `'5m'`
 * @param every from the beginning of one to that of the next, at most `size`
 * @throws {ConfigurationError} a span below 1 ms, `every` above `size`, or more than 100 windows at a time
 */
export const sliding = (size: Duration, every: Duration): WindowSpec => {
  const place = definedAt(sliding);
  const sizeMs = span(size, 'sliding(size)', place);
  const everyMs = span(every, 'sliding(every)', place);
  if (everyMs > sizeMs || sizeMs / everyMs > mostOverlaps) {
    throw new ConfigurationError(
      `sliding at ${place}: windows of ${sizeMs} ms that begin every ${everyMs} ms would ` +
        `${everyMs > sizeMs ? 'leave gaps' : `put each event into more than ${mostOverlaps}`}. Choose "every" between ` +
        `size / ${mostOverlaps} and size.`,
    );
  }
  return { kind: 'time', sizeMs, everyMs };
};

/**
 * A window of events that follow one another within `gap`; it ends when there was none for so long.
 *
 * @param gap milliseconds, or `'30m'`
 * @throws {ConfigurationError} it is below 1 ms
 */
export const session = (gap: Duration): WindowSpec => ({
  kind: 'session',
  gapMs: span(gap, 'session(gap)', definedAt(session)),
});

/**
 * Windows of so many events of a key, in the order of the log.
 *
 * @param size events in a window, from 1
 * @param options `within`: a window that is not full so long after its first event closes as it is. Default: it waits
 * @throws {ConfigurationError} no whole number from 1, or a span below 1 ms
 */
export const count = (size: number, options: { readonly within?: Duration | undefined } = {}): WindowSpec => {
  const place = definedAt(count);
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new ConfigurationError(`count(size) at ${place} is ${size}: it must be a whole number from 1.`);
  }
  const { within } = options;
  return {
    kind: 'count',
    size,
    withinMs: within === undefined ? undefined : span(within, 'count(within)', place),
  };
};
