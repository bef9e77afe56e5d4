import {
  Correlation,
  count,
  Event,
  On,
  OnLate,
  OnMatch,
  OnWindow,
  pattern,
  patternCorrelation,
  session,
  sliding,
  tumbling,
  windowCorrelation,
  type Match,
  type RecordedEvent,
  type Window,
} from '@tidemark/core';

// #region events
@Event({ name: 'claim.made' })
export class ClaimMade {
  constructor(
    readonly claim: string,
    readonly agent: string,
  ) {}
}

@Event({ name: 'source.found' })
export class SourceFound {
  constructor(
    readonly claim: string,
    readonly confidence: number,
  ) {}
}

@Event({ name: 'claim.unsourced' })
export class ClaimUnsourced {
  constructor(readonly claim: string) {}
}
// #endregion events

// #region absence
export const unsourcedClaims = patternCorrelation({
  name: 'unsourced-claims',
  key: 'claim',
  pattern: pattern(ClaimMade).notFollowedBy(SourceFound).within('5s'),
  emit: ({ events: [{ claim }] }) => new ClaimUnsourced(claim),
  emits: [ClaimUnsourced], // Registers its class; leave it out where another definition mentions it.
});
// #endregion absence

@Event({ name: 'claim.proven' })
export class ClaimProven {
  constructor(
    readonly claim: string,
    readonly afterMs: number,
  ) {}
}

@Event({ name: 'claim.withdrawn' })
export class ClaimWithdrawn {
  constructor(readonly claim: string) {}
}

// #region sequence
@Correlation({
  name: 'proven-claims',
  key: 'claim',
  pattern: pattern(ClaimMade)
    .followedBy(SourceFound, (source) => source.confidence > 0.5) // Of its own data, or …
    .notFollowedBy(ClaimWithdrawn) // Not between the two sources.
    .followedBy(SourceFound, (second, claim, first) => second.confidence >= first.confidence) // … of those before.
    .within('1h'),
  emits: [ClaimProven],
})
export class ProvenClaims {
  // It may take dependencies: the class is made by the container.
  @OnMatch() proven({ events: [made], start, end }: Match<[ClaimMade, SourceFound, SourceFound]>) {
    return new ClaimProven(made.claim, end.getTime() - start.getTime());
  }
}
// #endregion sequence

@Event({ name: 'reading.taken' })
export class ReadingTaken {
  constructor(
    readonly sensor: string,
    readonly level: number,
    readonly takenAt: string,
  ) {}
}

@Event({ name: 'tide.measured' })
export class TideMeasured {
  constructor(
    readonly sensor: string,
    readonly highest: number,
    readonly readings: number,
  ) {}
}

@Event({ name: 'reading.missed' })
export class ReadingMissed {
  constructor(
    readonly sensor: string,
    readonly takenAt: string,
  ) {}
}

// #region window
@Correlation({
  name: 'tides',
  key: 'sensor', // A property of the events, or a function of the recorded event.
  window: tumbling('1m'),
  time: ({ data }) => new Date((data as ReadingTaken).takenAt), // Default: when it was recorded.
  lateness: '10s', // So much later than others may one come.
  emits: [TideMeasured, ReadingMissed],
})
export class Tides {
  // Folds an event into its window; the state is JSON, `undefined` at first, and frozen.
  @On() take(reading: ReadingTaken, highest = Number.NEGATIVE_INFINITY): number {
    return Math.max(highest, reading.level);
  }

  // What follows when it closes: an event, several, or nothing.
  @OnWindow() close({ key, state, count: readings }: Window<number>) {
    return new TideMeasured(key, state, readings);
  }

  // What follows from one that is late. Without it, they are only counted.
  @OnLate() late({ sensor, takenAt }: ReadingTaken) {
    return new ReadingMissed(sensor, takenAt);
  }
}
// #endregion window

// #region windows
export const windows = [
  tumbling('1m'), // 12:00 to 12:01, 12:01 to 12:02, …
  sliding('5m', '1m'), // 12:00 to 12:05, 12:01 to 12:06, …: each event is in five of them.
  session('30m'), // As long as no pause is half an hour.
  count(100, { within: '10s' }), // A hundred events, or those that came within ten seconds of the first.
];
// #endregion windows

// #region by-hand
export const busyAgents = windowCorrelation({
  name: 'busy-agents',
  key: 'agent',
  events: [ClaimMade],
  window: sliding('1m', '10s'),
  fold: ({ claim }, claims: readonly string[] = []): readonly string[] => [...claims, claim],
  emit: ({ key, state }) =>
    state.length > 2 ? { type: 'agent.busy', data: { agent: key, claims: state } } : undefined,
  stream: 'busy-agents', // Default: `correlation:busy-agents-<key>`.
  limits: { keys: 10_000, perKey: 100, exceeded: 'drop' }, // Default: 100,000, 1,000 and 'fail'.
});
// #endregion by-hand

/** The data of an event: for tests. */
export const dataOf = ({ data }: RecordedEvent): unknown => data;
