import type { EventFilter } from './event-filter.js';
import type { EventLog } from './event-log.js';
import { DELETED_REVISION, type EventRecord, type ResolvedEvent } from './event-record.js';

/** How many events the real server reads at a time. */
export const READ_BATCH = 32;

/** A page of a stream or of the log. */
export interface Page<Place> {
  readonly events: readonly EventRecord[];
  /** Where the next page begins. */
  readonly next: Place;
  readonly atEnd: boolean;
  /** How many events were looked at. */
  readonly considered: number;
}

/** Why a stream cannot be read. */
export type Unreadable = 'not-found' | 'deleted';

/** Why the stream cannot be read, if it cannot. */
export const unreadable = (log: EventLog, streamId: string): Unreadable | undefined => {
  if (log.isTombstoned(streamId)) return 'deleted';
  if (log.stream(streamId).length === 0 || log.isSoftDeleted(streamId)) return 'not-found';
  return undefined;
};

/** The events of a stream that its metadata leaves to be seen, in order. */
export const visible = (log: EventLog, streamId: string): readonly EventRecord[] => {
  const events = log.stream(streamId);
  const { maxAgeMs, maxCount, truncateBefore } = log.settings(streamId);
  const byCount = maxCount === undefined ? 0n : BigInt(events.length) - maxCount;
  const from = [0n, byCount, truncateBefore ?? 0n].reduce((a, b) => (a > b ? a : b));
  const youngest = maxAgeMs === undefined ? undefined : Date.now() - maxAgeMs;
  const kept = from > BigInt(events.length) ? [] : events.slice(Number(from));
  return youngest === undefined ? kept : kept.filter(({ created }) => created >= youngest);
};

/** Reads the log forwards from the first event at or behind `index`. */
export const readAllForwards = (
  log: EventLog,
  index: number,
  count: number,
  filter: EventFilter,
  searchWindow: number,
): Page<number> => {
  const events: EventRecord[] = [];
  let next = index;
  let considered = 0;
  while (events.length < count && considered < searchWindow) {
    const event = log.events[next];
    if (event === undefined) return { events, next, atEnd: true, considered };
    if (filter(event)) events.push(event);
    next += 1;
    considered += 1;
  }
  return { events, next, atEnd: false, considered };
};

/** Follows a link to its event; what is no link stands for itself. */
export const resolve = (log: EventLog, event: EventRecord, links: boolean): ResolvedEvent => {
  if (!links || event.type !== '$>') return { event };
  const target = Buffer.from(event.data).toString('utf8');
  const at = target.indexOf('@');
  const streamId = target.slice(at + 1);
  const revision = at < 1 ? undefined : BigInt(target.slice(0, at));
  if (revision === undefined || revision === DELETED_REVISION || unreadable(log, streamId) !== undefined) {
    return { link: event };
  }
  return { event: visible(log, streamId).find((found) => found.revision === revision), link: event };
};
