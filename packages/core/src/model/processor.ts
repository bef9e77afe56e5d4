import type { RecordedEvent } from '../messages/event.js';
import { ConfigurationError } from '../error.js';
import type { EventFilter } from '../log/filter.js';
import { attachDefinition } from './attached.js';
import { checkName } from './check-name.js';
import { MarkKind } from './class-marks.js';
import { definedAt } from './defined-at.js';
import type { Class } from './definition.js';
import {
  callMethod,
  messageHandlers,
  type HandledMessages,
  type MessageHandler,
  type MessageReference,
} from './handled-messages.js';
import { makeInjectable, tokenOf, type HandlerClass } from './handler-class.js';
import { mergePolicies, policyIn, type HandlerPolicy } from './handler-policy.js';
import { handlerPolicies } from './policy.js';
import type { ProcessorDefinition, RetryPolicy } from './processor-definition.js';

/** What `@Processor` says of a processor: its name, how it goes through the log, and what holds for all of its handlers. */
export interface ProcessorOptions extends HandlerPolicy {
  /** Stable, explicit name: its checkpoint is stored under it. */
  readonly name: string;
  /** Where to start without a checkpoint. Default: `beginning`. */
  readonly startFrom?: 'beginning' | 'end' | undefined;
  /** How many keys are worked on at the same time. Default: 16. */
  readonly concurrency?: number | undefined;
  /** Events of one key are handled in order. Default: the stream's name. */
  readonly key?: ((event: RecordedEvent) => string) | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** Most events in one batch. Default: 500. */
  readonly batchSize?: number | undefined;
  /** Further conditions, checked by the store. */
  readonly filter?: Omit<EventFilter, 'types'> | undefined;
  /** One instance for the application, or one for each event. Default: `singleton`. */
  readonly scope?: HandlerClass['scope'] | undefined;
}

const handlers = new MarkKind<HandledMessages>('@On');

/**
 * Makes the class a processor: its methods with `@On` do side effects for events, at least once and in order per key.
 * It is resolved through the container, so its constructor may take dependencies.
 */
export const Processor = (options: ProcessorOptions) => {
  const place = definedAt(Processor);
  checkName('@Processor', options.name, place);
  return (type: Class): void => {
    attachDefinition(type, () => build(type, options, place));
  };
};

/**
 * On a method `(event, context)` that handles events. The class's own decorator says how: `@Processor`, or one of
 * another package.
 *
 * @param events classes of the events, or names of types without one. Default: the type of the first parameter
 */
export const On = (...events: readonly MessageReference[]) => {
  const place = definedAt(On);
  return (target: object, method: string): void => {
    handlers.add(target, method, events, place);
  };
};

/** The `@On` handlers of a class: for decorators that build definitions of their own from them. */
export const eventHandlers = (type: Class): readonly MessageHandler[] =>
  messageHandlers(type, handlers, 'event');

const build = (type: Class, options: ProcessorOptions, place: string): ProcessorDefinition => {
  const on = eventHandlers(type);
  if (on.length === 0) {
    throw new ConfigurationError(
      `${type.name} (@Processor at ${place}) handles nothing: add @On() to a method of it.`,
    );
  }
  makeInjectable(type);
  const token = tokenOf(type);
  const methods = new Map(on.flatMap(({ method, types }) => types.map((name) => [name, method])));
  const policy = policyIn(options);
  const policies = policiesByType(type, on, policy);
  const { name, startFrom, concurrency, key, retry, batchSize, filter, scope = 'singleton' } = options;
  return {
    kind: 'processor',
    name,
    definedAt: place,
    types: [...methods.keys()],
    filter,
    startFrom,
    batchSize,
    retry,
    policy,
    ...(policies === undefined
      ? {}
      : { policyOf: (event: RecordedEvent) => policies.get(event.type) ?? policy }),
    handlerOf: (event) => methods.get(event.type) ?? name,
    messages: [...new Set(on.flatMap(({ messages }) => messages))],
    handler: { class: type, scope },
    delivery: {
      mode: 'each',
      concurrency,
      ...(key === undefined ? {} : { key }),
      handle(event, context) {
        const method = methods.get(event.type);
        if (method === undefined) return undefined;
        return callMethod(context.services.get(token), method, [event.data, context]);
      },
    },
  };
};

/** The policy of the handler of each type; `undefined` if no handler has one of its own. */
const policiesByType = (
  type: Class,
  on: readonly MessageHandler[],
  policy: HandlerPolicy,
): ReadonlyMap<string, HandlerPolicy> | undefined => {
  const own = handlerPolicies(type, on);
  if (own.size === 0) return undefined;
  return new Map(
    on.flatMap(({ method, types }) => {
      const merged = mergePolicies(policy, own.get(method));
      return types.map((name) => [name, merged] as const);
    }),
  );
};
