import { ConfigurationError } from '../error.js';
import type { RecordedEvent } from '../messages/event.js';
import { definedAt } from '../model/defined-at.js';
import type { Class } from '../model/definition.js';
import { messageDefinitionOf } from '../model/handled-messages.js';
import type { MessageDefinition } from '../model/message-definition.js';
import { checkOptions, checkPattern, emittedMessages } from './check-options.js';
import type { CorrelationDefinition, CorrelationOptions, Derived } from './definition.js';
import { install } from './install.js';
import type { Match, Pattern } from './pattern.js';
import type { Window, WindowSpec } from './window.js';

/** The data of an event, given its class; of a type that is named, what the handler says. */
type DataOf<Reference> =
  Reference extends Class<infer Data> ? Data : Reference extends string ? unknown : never;

/** The parts that `windowCorrelation` makes a correlation of. */
export interface WindowCorrelationOptions<Events extends readonly (Class | string)[], State>
  extends CorrelationOptions {
  readonly window: WindowSpec;
  /** The events that are taken: their classes, or names of types without one. */
  readonly events: Events;
  /**
   * What an event makes of the state of its window, which is `undefined` at first; it is frozen JSON. Give back the next one, or
   * nothing to leave it. Default: a window only counts.
   */
  readonly fold?:
    | ((event: DataOf<Events[number]>, state: NoInfer<State> | undefined, recorded: RecordedEvent) => State)
    | undefined;
  /** What follows from a window when it closes. */
  readonly emit: (window: Window<State>) => Derived;
  /** What follows from an event that is late. Default: it is only counted. */
  readonly late?: ((event: DataOf<Events[number]>, recorded: RecordedEvent) => Derived) | undefined;
}

/** The parts that `patternCorrelation` makes a correlation of. */
export interface PatternCorrelationOptions<Events extends readonly unknown[]> extends CorrelationOptions {
  readonly pattern: Pattern<Events>;
  /** What follows from a match. */
  readonly emit: (match: Match<Events>) => Derived;
  /** What follows from an event that is late. Default: it is only counted. */
  readonly late?: ((event: unknown, recorded: RecordedEvent) => Derived) | undefined;
}

/**
 * Windows over the events that share a key, from pure functions.
 *
 * @example
 * ```ts
 * const busy = windowCorrelation({
 *   name: 'busy-agents',
 *   key: 'agent',
 *   events: [TaskFinished],
 *   window: tumbling('1m'),
 *   emit: ({ key, count, start }) => (count > 10 ? new AgentBusy(key, count, start) : undefined),
 * });
 * ```
 * @throws {ConfigurationError} options that contradict each other
 */
export const windowCorrelation = <const Events extends readonly (Class | string)[], State = undefined>(
  options: WindowCorrelationOptions<Events, State>,
): CorrelationDefinition => {
  const place = definedAt(windowCorrelation);
  const { name, window, events, fold, emit, late } = options;
  const by = `windowCorrelation "${name}" (${place})`;
  checkOptions(by, place, options);
  if (events.length === 0) {
    throw new ConfigurationError(`${by} takes no events: name the classes in "events".`);
  }
  const messages: MessageDefinition[] = [];
  const types = events.map((event) => {
    if (typeof event === 'string') return event;
    const message = messageDefinitionOf(event, 'event', by);
    messages.push(message);
    return message.name;
  });
  // Which type the data is of was told by the list of events.
  type Data = DataOf<Events[number]>;
  const definition: CorrelationDefinition = {
    kind: 'correlation',
    name,
    definedAt: place,
    options,
    types: [...new Set(types)],
    messages: [...messages, ...emittedMessages(by, options.emits)],
    logic: () => ({
      kind: 'windows',
      window,
      fold: (event, state) => fold?.(event.data as Data, state as State | undefined, event),
      emit: (closed) => emit(closed as Window<State>),
    }),
    late: () => (late === undefined ? undefined : (event) => late(event.data as Data, event)),
    install: (composition) => install(definition, composition),
  };
  return definition;
};

/**
 * A pattern over the events that share a key, from pure functions.
 *
 * @example
 * ```ts
 * const unsourced = patternCorrelation({
 *   name: 'unsourced-claims',
 *   key: 'claim',
 *   pattern: pattern(ClaimMade).notFollowedBy(SourceFound).within('5s'),
 *   emit: ({ events: [{ claim }] }) => new ClaimUnsourced(claim),
 * });
 * ```
 * @throws {ConfigurationError} options that contradict each other, or a pattern without an end
 */
export const patternCorrelation = <const Events extends readonly unknown[]>(
  options: PatternCorrelationOptions<Events>,
): CorrelationDefinition => {
  const place = definedAt(patternCorrelation);
  const { name, pattern, emit, late } = options;
  const by = `patternCorrelation "${name}" (${place})`;
  checkOptions(by, place, options);
  const { steps } = pattern;
  const withinMs = checkPattern(by, steps, pattern.withinMs);
  const definition: CorrelationDefinition = {
    kind: 'correlation',
    name,
    definedAt: place,
    options,
    types: [...new Set(steps.map(({ type }) => type))],
    messages: [
      ...new Set(steps.flatMap(({ message }) => message ?? [])),
      ...emittedMessages(by, options.emits),
    ],
    logic: () => ({
      kind: 'pattern',
      steps,
      withinMs,
      // The pattern says which types its events are of.
      emit: (match) => emit(match as Match<Events>),
    }),
    late: () => (late === undefined ? undefined : (event) => late(event.data, event)),
    install: (composition) => install(definition, composition),
  };
  return definition;
};
