import type { EventRecord } from './event-record.js';

/** Whether a reader of `$all` is to see an event. */
export type EventFilter = (event: EventRecord) => boolean;

/** What a filter may look at, and how. */
export interface FilterRule {
  readonly on: 'streamId' | 'type';
  /** Wins over prefixes where it is not empty. */
  readonly regex: string;
  readonly prefixes: readonly string[];
}

/** What every reader of `$all` sees: all but what persistent subscriptions to `$all` keep for themselves. */
export const visibleInAll: EventFilter = ({ streamId }) =>
  !(
    streamId.startsWith('$persistentsubscription-$all::') &&
    (streamId.endsWith('-checkpoint') || streamId.endsWith('-parked'))
  );

/** A filter for `$all`. A regular expression matches anywhere unless it is anchored. */
export const compileFilter = ({ on, regex, prefixes }: FilterRule): EventFilter => {
  if (regex === '') {
    return (event) => visibleInAll(event) && prefixes.some((prefix) => event[on].startsWith(prefix));
  }
  const pattern = new RegExp(regex, 'u');
  return (event) => visibleInAll(event) && pattern.test(event[on]);
};
