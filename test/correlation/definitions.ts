import {
  count,
  pattern,
  patternCorrelation,
  session,
  sliding,
  tumbling,
  windowCorrelation,
  type CorrelationDefinition,
  type Pattern,
  type RecordedEvent,
  type WindowSpec,
} from '@tidemark/core';

/** What the events of these tests say. */
export interface Said {
  readonly key: string;
  readonly n: number;
  /** When it happened, in milliseconds since 1970. */
  readonly time: number;
}

export const types = ['said', 'answered', 'withdrawn'] as const;

const saidOf = ({ data }: RecordedEvent): Said => data as Said;

const windows = (name: string, window: WindowSpec, isByOwnTime: boolean): CorrelationDefinition =>
  windowCorrelation({
    name,
    key: 'key',
    events: types,
    window,
    ...(isByOwnTime ? { time: (event) => saidOf(event).time, lateness } : {}),
    fold: (data, values: readonly number[] = []): readonly number[] => [...values, (data as Said).n],
    emit: ({ key, start, end, state: values }) => ({
      type: 'window.closed',
      data: { key, start: start.getTime(), end: end.getTime(), values },
    }),
  });

const matches = (name: string, wanted: Pattern<readonly unknown[]>): CorrelationDefinition =>
  patternCorrelation({
    name,
    key: 'key',
    pattern: wanted.within(withinMs),
    emit: ({ events }) => ({ type: 'matched', data: events.map((event) => (event as Said).n) }),
  });

export const lateness = 100;
export const sizeMs = 200;
export const everyMs = 100;
export const gapMs = 60;
export const countOf = 4;
export const withinMs = 150;

/** One correlation of each kind: by the log's time, and by times of the events' own. */
export const correlations: readonly CorrelationDefinition[] = [
  windows('tumbling', tumbling(sizeMs), true),
  windows('sliding', sliding(sizeMs, everyMs), false),
  windows('session', session(gapMs), true),
  windows('count', count(countOf, { within: withinMs }), false),
  matches('answer', pattern('said').notFollowedBy('withdrawn').followedBy('answered')),
  matches('silence', pattern('said').notFollowedBy('answered')),
];
