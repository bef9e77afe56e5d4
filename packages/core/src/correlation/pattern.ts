import { milliseconds, type Duration } from '../duration.js';
import { ConfigurationError } from '../error.js';
import type { Class } from '../model/definition.js';
import { messageDefinitionOf, type MessageReference } from '../model/handled-messages.js';
import type { MessageDefinition } from '../model/message-definition.js';
import type { RecordedEvent } from '../messages/event.js';

/** What a pattern found. */
export interface Match<Events extends readonly unknown[] = readonly unknown[]> {
  readonly key: string;
  /** The data of the events that make it up, in the order of the pattern; instances where their types have classes. */
  readonly events: Events;
  /** The same events with their streams, times and metadata. */
  readonly recorded: readonly RecordedEvent[];
  /** The time of its first event. */
  readonly start: Date;
  /** When it was complete: the time of its last event, or the end of the wait for what did not come. */
  readonly end: Date;
}

/** One step of a pattern: an event that must come, or one that must not come before the next step (or the end). */
export interface PatternStep {
  readonly type: string;
  readonly message: MessageDefinition | undefined;
  readonly negative: boolean;
  /** Whether an event of the type counts, given its data and that of the events before it. */
  readonly where: ((event: never, ...earlier: never) => boolean) | undefined;
}

/**
 * Events of one key in an order of time: each event that the first step takes begins an attempt of its own, and each later step
 * takes the next event that fits; events between them do not matter.
 *
 * The words are those of Flink's CEP library: {@link pattern}, `followedBy`, `notFollowedBy`, `within`. Immutable: each call
 * gives a new pattern.
 */
export class Pattern<Events extends readonly unknown[]> {
  /** Only there for the compiler: the types of the events. */
  declare readonly matched: Events | undefined;
  readonly steps: readonly PatternStep[];
  /** How long an attempt has, from its first event; `undefined` until {@link within} says it. */
  readonly withinMs: number | undefined;

  constructor(steps: readonly PatternStep[], withinMs: number | undefined) {
    this.steps = steps;
    this.withinMs = withinMs;
  }

  /**
   * Then this event must come.
   *
   * @param event its class, or the name of a type without one
   * @param where whether one counts, given its data and that of the events before it. Default: each does
   */
  followedBy<Next extends object>(
    event: Class<Next>,
    where?: (event: Next, ...earlier: Events) => boolean,
  ): Pattern<[...Events, Next]>;
  followedBy<Next>(
    event: string,
    where?: (event: Next, ...earlier: Events) => boolean,
  ): Pattern<[...Events, Next]>;
  followedBy(
    event: MessageReference,
    where?: (event: never, ...earlier: never) => boolean,
  ): Pattern<readonly unknown[]> {
    return this.#with(stepOf(event, false, where, 'followedBy'));
  }

  /**
   * Then this event must not come: before the event of the next step, or, as the last step, before the time is up.
   *
   * @param event its class, or the name of a type without one
   * @param where whether one counts, given its data and that of the events before it. Default: each does
   */
  notFollowedBy<Absent extends object>(
    event: Class<Absent>,
    where?: (event: Absent, ...earlier: Events) => boolean,
  ): Pattern<Events>;
  notFollowedBy(event: string, where?: (event: never, ...earlier: Events) => boolean): Pattern<Events>;
  notFollowedBy(
    event: MessageReference,
    where?: (event: never, ...earlier: never) => boolean,
  ): Pattern<Events> {
    return this.#with(stepOf(event, true, where, 'notFollowedBy'));
  }

  /**
   * How long the whole has, from its first event, exclusive: what comes exactly then comes too late.
   *
   * @throws {ConfigurationError} it is below 1 ms
   */
  within(duration: Duration): Pattern<Events> {
    const value = milliseconds(duration, 'within of a pattern');
    if (value >= 1) return new Pattern(this.steps, value);
    throw new ConfigurationError('within of a pattern must be 1 ms at least.');
  }

  #with<Next extends readonly unknown[]>(step: PatternStep): Pattern<Next> {
    return new Pattern([...this.steps, step], this.withinMs);
  }
}

interface PatternStart {
  /** @param event class of the event */
  <First extends object>(event: Class<First>, where?: (event: First) => boolean): Pattern<[First]>;
  /** @param event name of an event type without a class */
  <First>(event: string, where?: (event: First) => boolean): Pattern<[First]>;
}

/**
 * Begins a pattern: each such event begins an attempt.
 *
 * @param event its class, or the name of a type without one
 * @param where whether one counts, given its data. Default: each does
 *
 * @example
 * ```ts
 * pattern(ClaimMade).notFollowedBy(SourceFound).within('5s')
 * ```
 */
export const pattern: PatternStart = (
  event: MessageReference,
  where?: (event: never) => boolean,
): Pattern<never> => new Pattern([stepOf(event, false, where, 'pattern')], undefined);

const stepOf = (
  event: MessageReference,
  negative: boolean,
  where: PatternStep['where'],
  method: string,
): PatternStep => {
  if (typeof event === 'string') return { type: event, message: undefined, negative, where };
  const message = messageDefinitionOf(event, 'event', `${method} of a pattern`);
  return { type: message.name, message, negative, where };
};
