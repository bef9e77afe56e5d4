import type { Operator } from './operator.js';
import type { Match, PatternStep } from './pattern.js';
import { originOf, placeOf, type StoredEvent, type TimedEvent } from './stored-event.js';

/** An attempt at a pattern: the events that it has so far. */
interface Attempt {
  readonly events: readonly TimedEvent[];
}

/** A match, but for its key. */
export type FoundMatch = Omit<Match, 'key'>;

/** An event that must come, and those that must not come before it. */
interface Stage {
  readonly step: PatternStep;
  readonly absent: readonly PatternStep[];
}

/**
 * The operator of a pattern. Events come in the order of their times; each is held against the attempts that are open, the
 * oldest first, and then may begin one.
 *
 * @param steps the first of them positive
 */
export const patternOperator = (
  steps: readonly PatternStep[],
  withinMs: number,
): Operator<Attempt[], FoundMatch> => {
  const { stages, absentAtEnd } = stagesOf(steps);
  const deadlineOf = ({ events }: Attempt): number => (events[0]?.time ?? 0) + withinMs;

  /** What becomes of an attempt: another one, the same, a match, or nothing. */
  const advance = (attempt: Attempt, event: TimedEvent): Attempt | 'matched' | 'broken' => {
    const stage = stages[attempt.events.length];
    const absent = stage?.absent ?? absentAtEnd;
    if (absent.some((step) => fits(step, event, attempt))) return 'broken';
    if (stage === undefined || !fits(stage.step, event, attempt)) return attempt;
    return stages.length === attempt.events.length + 1 && absentAtEnd.length === 0
      ? 'matched'
      : { events: [...attempt.events, event] };
  };

  return {
    shape: `pattern ${withinMs} ${steps.map(({ negative, type }) => `${negative ? '!' : ''}${type}`).join('>')}`,
    ordered: true,
    spanMs: withinMs,
    create: () => [],
    take(state, event, _watermark, complete) {
      let kept = 0;
      for (const attempt of state) {
        const next = advance(attempt, event);
        if (next === 'matched') complete(...found([...attempt.events, event], event.time));
        else if (next !== 'broken') state[kept++] = next;
      }
      state.length = kept;
      const [first] = stages;
      if (first === undefined || !fits(first.step, event, { events: [] })) return true;
      if (stages.length === 1 && absentAtEnd.length === 0) complete(...found([event], event.time));
      else state.push({ events: [event] });
      return true;
    },
    pass(state, watermark, complete) {
      // Attempts stand in the order in which they began, and all have the same time.
      let ended = 0;
      for (const attempt of state) {
        const deadline = deadlineOf(attempt);
        if (deadline > watermark) break;
        ended += 1;
        if (attempt.events.length === stages.length) complete(...found(attempt.events, deadline));
      }
      state.splice(0, ended);
    },
    due: ([first]) => (first === undefined ? undefined : deadlineOf(first)),
    size: (state) => state.length,
    trim(state, size) {
      state.length = size;
    },
    toJson: (state, storage) => state.map(({ events }) => events.map((event) => storage.store(event))),
    // Written by `toJson` alone.
    fromJson: (json, storage) =>
      (json as readonly (readonly StoredEvent[])[]).map((events) => ({
        events: events.map((event) => storage.restore(event)),
      })),
  };
};

const fits = ({ type, where }: PatternStep, { event }: TimedEvent, { events }: Attempt): boolean => {
  if (event.type !== type) return false;
  if (where === undefined) return true;
  return Boolean(Reflect.apply(where, undefined, [event.data, ...events.map((it) => it.event.data)]));
};

const found = (
  events: readonly TimedEvent[],
  end: number,
): [string, FoundMatch, ReturnType<typeof originOf>] => {
  const [first] = events;
  const last = events.at(-1);
  if (first === undefined || last === undefined) throw new TypeError('A match has an event at least.');
  return [
    events.map(placeOf).join('\0\0'),
    {
      events: events.map(({ event }) => event.data),
      recorded: events.map(({ event }) => event),
      start: new Date(first.time),
      end: new Date(end),
    },
    originOf(last),
  ];
};

const stagesOf = (
  steps: readonly PatternStep[],
): { readonly stages: readonly Stage[]; readonly absentAtEnd: readonly PatternStep[] } => {
  const stages: Stage[] = [];
  let absent: PatternStep[] = [];
  for (const step of steps) {
    if (step.negative) {
      absent.push(step);
    } else {
      stages.push({ step, absent });
      absent = [];
    }
  }
  return { stages, absentAtEnd: absent };
};
