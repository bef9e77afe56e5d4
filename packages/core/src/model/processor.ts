import type { RecordedEvent } from '../messages/event.js';
import { ConfigurationError } from '../error.js';
import type { EventFilter } from '../log/filter.js';
import { UnhandledEventError } from '../routing/errors.js';
import type { Route } from '../routing/route.js';
import { routingOf } from '../routing/routed-event.js';
import type { TypePattern } from '../routing/type-pattern.js';
import { attachDefinition } from './attached.js';
import type { BatchHandler } from './batch-handler.js';
import { checkName } from './check-name.js';
import { MarkKind } from './class-marks.js';
import { compensationOf } from './compensate.js';
import type { DeadLetterOptions } from './dead-letter-options.js';
import { definedAt } from './defined-at.js';
import type { Class } from './definition.js';
import {
  callMethod,
  messageHandlers,
  type HandledMessages,
  type MessageHandler,
  type MessageReference,
} from './handled-messages.js';
import { HandlerMethods } from './handler-methods.js';
import { lifecycleOf } from './on-lifecycle.js';
import { makeInjectable, tokenOf, type HandlerClass } from './handler-class.js';
import { mergePolicies, policyIn, type HandlerPolicy } from './handler-policy.js';
import type { PersistentSubscriptionSource } from './persistent-subscription.js';
import type { HandlerMiddleware } from './middleware.js';
import { batchMethods, batchOptions } from './on-batch.js';
import { handlerPolicies } from './policy.js';
import type { EachDelivery, ProcessorDefinition } from './processor-definition.js';

/** What `@Processor` says of a processor: its name, how it goes through the log, and what holds for all of its handlers. */
export interface ProcessorOptions extends HandlerPolicy {
  /** Stable, explicit name: its checkpoint is stored under it. */
  readonly name: string;
  /**
   * Where its events come from: {@link persistentSubscription}, where the store has it. Default: the log, from a checkpoint on. It goes
   * with neither `startFrom`, which it says itself, nor a checkpoint.
   */
  readonly source?: PersistentSubscriptionSource | undefined;
  /** Where to start without a checkpoint. Default: `beginning`. */
  readonly startFrom?: 'beginning' | 'end' | undefined;
  /** How many events are worked on at the same time. Default: 16. */
  readonly concurrency?: number | undefined;
  /**
   * How many events of one key are worked on at the same time. With more than 1, events of one key are handled in no particular
   * order. Default: 1.
   */
  readonly keyConcurrency?: number | undefined;
  /** Events of one key are handled in order. Default: the stream's name. */
  readonly key?: ((event: RecordedEvent) => string) | undefined;
  /**
   * Into how many segments its keys are divided, which the nodes that run the application share: a power of two from 1 to 65,536. 1:
   * one node at a time has all of it. A number set by `app.divide` counts for more. Default: 16.
   */
  readonly segments?: number | undefined;
  /** Bounds of its dead letters, and whether they are tried again by themselves. */
  readonly deadLetters?: DeadLetterOptions | undefined;
  /** Most events that are read from the store at once. Default: 500. */
  readonly batchSize?: number | undefined;
  /** How many events may wait in memory: only among these can an urgent one overtake others. Default: 2 × `batchSize`. */
  readonly readAhead?: number | undefined;
  /** Further conditions, checked by the store. */
  readonly filter?: Omit<EventFilter, 'types'> | undefined;
  /** True: it takes only what routes send it. Default: true if it has `routes`. */
  readonly routed?: boolean | undefined;
  /** Routes of its own, without a `to`: the first that matches sends it the event. Default: none. */
  readonly routes?: readonly Route[] | undefined;
  /** What stands around each call of a handler, the outermost first; inside of the application's. Default: none. */
  readonly middleware?: readonly HandlerMiddleware[] | undefined;
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
 * @param events classes of the events, names of types without one, or, in a processor, `matching('agent.*.completed')`. An
 * event whose type is named goes there; otherwise to the first method whose pattern matches. Default: the type of the
 * first parameter
 */
export const On = (...events: readonly (MessageReference | TypePattern)[]) => {
  const place = definedAt(On);
  return (target: object, method: string): void => {
    handlers.add(target, method, events, place);
  };
};

/** The `@On` handlers of a class: for decorators that build definitions of their own from them. */
export const eventHandlers = (type: Class): readonly MessageHandler[] =>
  messageHandlers(type, handlers, 'event');

const build = (type: Class, options: ProcessorOptions, place: string): ProcessorDefinition => {
  const single = messageHandlers(type, handlers, 'event', true);
  const batched = batchMethods(type);
  const on = [...single, ...batched];
  if (on.length === 0) {
    throw new ConfigurationError(
      `${type.name} (@Processor at ${place}) handles nothing: add @On() or @OnBatch() to a method of it.`,
    );
  }
  refuseBoth(type, single, batched);
  makeInjectable(type);
  const methods = new HandlerMethods(on);
  const patterns = on.flatMap((handler) => handler.patterns);
  const policy = policyIn(options);
  const policies = policiesByMethod(type, on, policy);
  const handlerOf = (eventType: string): string | undefined => methods.of(eventType);
  const { name, source, startFrom, segments, retry, batchSize, readAhead, filter, middleware, deadLetters } =
    options;
  const { routes, routed = routes !== undefined, scope = 'singleton' } = options;
  const routedMessages = routes?.flatMap(({ match }) => match.messages) ?? [];
  return {
    kind: 'processor',
    name,
    definedAt: place,
    types: on.flatMap(({ types }) => types),
    ...(patterns.length === 0 ? {} : { patterns }),
    ...(routed ? { routed } : {}),
    ...(routes === undefined ? {} : { routes }),
    filter,
    ...(source === undefined ? {} : { source }),
    startFrom,
    ...(segments === undefined ? {} : { segments }),
    batchSize,
    readAhead,
    retry,
    policy,
    ...(policies === undefined
      ? {}
      : {
          policies,
          policyOf: (event: RecordedEvent) => policies.get(methods.of(event.type) ?? '') ?? policy,
        }),
    ...compensationOf(type, policies ?? new Map(on.map(({ method }) => [method, policy])), handlerOf),
    ...(deadLetters === undefined ? {} : { deadLetters }),
    handlerOf: (event) => methods.of(event.type) ?? name,
    messages: [...new Set([...on.flatMap(({ messages }) => messages), ...routedMessages])],
    handler: { class: type, scope },
    delivery: deliveryTo(type, methods, batched, options),
    middleware,
    ...lifecycleOf(type),
  };
};

/** @throws {ConfigurationError} an event is named for a single handler and for one of batches */
const refuseBoth = (
  type: Class,
  single: readonly MessageHandler[],
  batched: readonly MessageHandler[],
): void => {
  for (const { method, types, definedAt: place } of batched) {
    const other = single.find((handler) => handler.types.some((name) => types.includes(name)));
    if (other === undefined) continue;
    throw new ConfigurationError(
      `${type.name} handles an event twice: on ${other.method} (@On at ${other.definedAt}) and on ${method} (@OnBatch at ${place}). ` +
        'Keep one handler for it.',
    );
  }
};

const deliveryTo = (
  type: Class,
  methods: HandlerMethods,
  batched: readonly MessageHandler[],
  { name, concurrency, keyConcurrency, key }: ProcessorOptions,
): EachDelivery => {
  const token = tokenOf(type);
  const optionsOf = batchOptions(type);
  const batches = new Map<string | undefined, BatchHandler>(
    batched.map(({ method }) => [
      method,
      {
        ...optionsOf.get(method),
        handle: (events, context) =>
          callMethod(context.services.get(token), method, [events.map(({ data }) => data), context]),
      },
    ]),
  );
  return {
    mode: 'each',
    concurrency,
    keyConcurrency,
    ...(key === undefined ? {} : { key }),
    ...(batches.size === 0
      ? {}
      : { batches: [...batches.values()], batchOf: (event) => batches.get(methods.of(event.type)) }),
    handle(event, context) {
      const method = methods.of(event.type);
      if (method === undefined) {
        const routing = routingOf(event);
        if (routing === undefined) return undefined;
        throw new UnhandledEventError(name, event.type, routing.route);
      }
      return callMethod(context.services.get(token), method, [event.data, context]);
    },
  };
};

/** The policy of each method; `undefined` if none has one of its own. */
const policiesByMethod = (
  type: Class,
  on: readonly MessageHandler[],
  policy: HandlerPolicy,
): ReadonlyMap<string, HandlerPolicy> | undefined => {
  const own = handlerPolicies(type, on);
  if (own.size === 0) return undefined;
  return new Map(on.map(({ method }) => [method, mergePolicies(policy, own.get(method))]));
};
