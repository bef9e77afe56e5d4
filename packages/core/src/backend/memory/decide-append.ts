import { checkActualVersion } from '../../log/check-append.js';
import { ConcurrencyError, StreamTombstonedError } from '../../log/errors.js';
import type { EncodedEvent } from '../../log/encode-events.js';
import type { ExpectedVersion } from '../../log/event-store.js';
import { visibleVersion, type Place, type StreamView } from './stream-state.js';

/** What becomes of an append that is not refused. */
export type AppendDecision =
  | { readonly kind: 'append'; readonly firstVersion: number }
  /** These very events are there; the last of them stands at this place. */
  | { readonly kind: 'repeated'; readonly last: Place };

/**
 * Checks an expectation about a stream.
 *
 * @throws {StreamTombstonedError}
 * @throws {ConcurrencyError}
 */
export const checkExpectation = (stream: string, view: StreamView, expected: ExpectedVersion): void => {
  if (view.tombstoned) throw new StreamTombstonedError(stream);
  checkActualVersion(stream, expected, visibleVersion(view));
};

/**
 * Decides on an append to one stream: the meaning of expected versions and of repeated appends, as in EventStoreDB.
 *
 * Ids come first. If all the events are in the stream, side by side, in this order and where this append would have put
 * them, it was done before and is answered so. If only some are, or elsewhere, it is a conflict: it can neither be the
 * same append nor another one, since an id occurs in a stream once. If none is, the expectation decides.
 *
 * @throws {StreamTombstonedError}
 * @throws {ConcurrencyError}
 */
export const decideAppend = (
  stream: string,
  view: StreamView,
  events: readonly EncodedEvent[],
  expected: ExpectedVersion,
): AppendDecision => {
  if (view.tombstoned) throw new StreamTombstonedError(stream);
  const known = events.find((event) => event.idGiven && view.find(event.id) !== undefined);
  if (known === undefined) {
    checkExpectation(stream, view, expected);
    return { kind: 'append', firstVersion: view.lastVersion + 1 };
  }
  const places = events.map((event) => view.find(event.id));
  const first = places[0];
  const last = places.at(-1);
  if (
    first === undefined ||
    last === undefined ||
    !isStart(view, first.version, expected) ||
    !places.every((place, index) => place?.version === first.version + index)
  ) {
    throw new ConcurrencyError(stream, expected, visibleVersion(view), known.id);
  }
  return { kind: 'repeated', last };
};

/** Whether an append with this expectation can have begun at this version. */
const isStart = (view: StreamView, version: number, expected: ExpectedVersion): boolean => {
  switch (expected) {
    case 'any':
    case 'stream-exists':
      return true;
    case 'no-stream':
    case -1:
      return version === 0 || version === view.firstVersion;
    default:
      return version === expected + 1;
  }
};
