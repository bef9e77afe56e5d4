import type { Transaction } from '../backend/transaction.js';
import type { EventFilter } from '../log/filter.js';
import type { RecordedEvent } from '../messages/event.js';
import type { MessageContext, ServiceScope } from '../messages/context.js';
import type { Route } from '../routing/route.js';
import type { TypePattern } from '../routing/type-pattern.js';
import type { ProcessorChange } from '../observation/processor-change.js';
import type { BatchHandler } from './batch-handler.js';
import type { DeadLetterOptions } from './dead-letter-options.js';
import type { Definition } from './definition.js';
import type { HandlerPolicy } from './handler-policy.js';
import type { HandlerClass } from './handler-class.js';
import type { MessageDefinition } from './message-definition.js';
import type { PersistentSubscriptionSource } from './persistent-subscription.js';
import type { HandlerMiddleware } from './middleware.js';
import type { UpcasterDefinition } from './upcaster-definition.js';

/** The surroundings of one event being handled. */
export interface HandlerContext extends MessageContext {
  /** Name of the processor. */
  readonly processor: string;
  readonly event: RecordedEvent;
  /** 1 for the first try of this event, counting up with each retry. */
  readonly attempt: number;
}

/** The surroundings of a batch being handled in a transaction. */
export interface BatchContext {
  readonly processor: string;
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly isReplay: boolean;
}

/** How often, and after what waits, a failed handler is tried again. Waits grow exponentially, with jitter. */
export interface RetryPolicy {
  /** Tries in all, the first one included. Default: 5. */
  readonly attempts?: number | undefined;
  /** Milliseconds before the second try. Default: 100. */
  readonly initialDelayMs?: number | undefined;
  /** Most milliseconds between two tries. Default: 30,000. */
  readonly maxDelayMs?: number | undefined;
}

/**
 * Events one at a time: at least once, in order per key, keys side by side. For side effects.
 * A handler that returns no promise costs none.
 */
export interface EachDelivery {
  readonly mode: 'each';
  /**
   * Handles one event; a promise is awaited, and its value ignored. If it throws or rejects, the event is handled again
   * as the retry policy says, and the processor fails after the last try.
   */
  handle(event: RecordedEvent, context: HandlerContext): unknown;
  /** How many events are worked on at the same time. Default: 16. */
  readonly concurrency?: number | undefined;
  /**
   * How many events of one key are worked on at the same time. With more than 1, events of one key are handled in no particular
   * order. Default: 1.
   */
  readonly keyConcurrency?: number | undefined;
  /** Events of one key are handled in order. Default: the stream's name. */
  readonly key?: ((event: RecordedEvent) => string) | undefined;
  /** Handlers of batches, for some of the events. Default: none. */
  readonly batches?: readonly BatchHandler[] | undefined;
  /** Which of {@link batches} an event is for; `undefined`: it is handled by itself. */
  batchOf?(event: RecordedEvent): BatchHandler | undefined;
}

/** Events in batches of their handler's own making: at least once. For side effects that are cheaper together. */
export interface BatchDelivery
  extends BatchHandler,
    Pick<EachDelivery, 'concurrency' | 'keyConcurrency' | 'key'> {
  readonly mode: 'batch';
}

/**
 * A batch of events in one transaction with the checkpoint: exactly once, in log order. For read models.
 * The batch may hold no event that the handler knows; then only the checkpoint moves.
 */
export interface TransactionDelivery {
  readonly mode: 'transaction';
  /**
   * Handles the events in log order and writes through `tx` alone. If it rejects, everything is rolled back and tried
   * again, event by event, as the retry policy says; the processor fails after the last try.
   */
  handle(events: readonly RecordedEvent[], tx: Transaction, context: BatchContext): Promise<void>;
}

/**
 * Something that follows the log from a checkpoint: a processor, a projection or a saga. One runtime runs them all.
 */
export interface ProcessorDefinition extends Definition {
  readonly kind: 'processor';
  /** What it is to the user, for status and messages: `processor`, `projection`, `saga`. Default: `processor`. */
  readonly role?: string | undefined;
  /** Names of the event types that it handles, at their newest version. Default: all; with `patterns`, those alone. */
  readonly types?: readonly string[] | undefined;
  /** Further types that it handles, by pattern. Default: none. */
  readonly patterns?: readonly TypePattern[] | undefined;
  /**
   * True: it takes only what routes send it: its own, and those of the application. `types` and `patterns` then select
   * nothing. Default: true if it has `routes`.
   */
  readonly routed?: boolean | undefined;
  /** Routes of its own, without a `to`. The first that matches sends it the event. */
  readonly routes?: readonly Route[] | undefined;
  /** Further conditions, checked by the store. */
  readonly filter?: Omit<EventFilter, 'types'> | undefined;
  /**
   * Where to start without a checkpoint. Default: `beginning`. With `checkpoint`, one was made beforehand: that there is none means
   * that another instance has removed it, and the processor fails with a {@link CheckpointConflictError}.
   */
  readonly startFrom?: 'beginning' | 'end' | 'checkpoint' | undefined;
  /**
   * Into how many segments its keys are divided, which the nodes that run the application share: a power of two from 1 to 65,536. Each
   * segment is in order by itself. Default: 16 where events are delivered one by one, 1 where they are delivered in a transaction
   * or in batches. On a backend that only this process can use there is nothing to share, and nothing is divided.
   */
  readonly segments?: number | undefined;
  /** Most events that are read from the store at once. Default: 500. */
  readonly batchSize?: number | undefined;
  /** Where its events come from. Default: the log, by a subscription from the checkpoint on. */
  readonly source?: PersistentSubscriptionSource | undefined;
  /**
   * How many events may wait in memory before no more are read, where they are delivered one by one or in batches of the handler's
   * own. Only among these can an urgent event overtake others. As the last read is taken in as a whole, up to `batchSize` - 1 more
   * may wait. Default: 2 × `batchSize`.
   */
  readonly readAhead?: number | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** What holds for all of its handlers. Default: the defaults of {@link HandlerPolicy}. */
  readonly policy?: HandlerPolicy | undefined;
  /**
   * The whole policy of the handler of an event, where handlers differ; the same object each time for the same handler, as it is
   * asked for every event. Default: {@link policy}.
   */
  policyOf?(event: RecordedEvent): HandlerPolicy;
  /** The policies of its handlers by name, where these differ: looked through when the runner is made. */
  readonly policies?: ReadonlyMap<string, HandlerPolicy> | undefined;
  /**
   * What is done with an event whose tries are used up, where the policy says `compensate`; a promise is awaited. If it fails, it is
   * tried again as the policy says, and then the processor fails. It is done at least once, as handling is.
   *
   * @param error why the event could not be handled
   */
  compensate?(event: RecordedEvent, error: Error, context: HandlerContext): unknown;
  /** Bounds of its dead letters, and whether they are tried again by themselves. */
  readonly deadLetters?: DeadLetterOptions | undefined;
  /** The name of the handler of an event, for messages and for what is kept of a failure. Default: the definition's name. */
  handlerOf?(event: RecordedEvent): string;
  readonly delivery: EachDelivery | BatchDelivery | TransactionDelivery;
  /** What stands around each call of a handler, the outermost first; inside of the application's. Default: none. */
  readonly middleware?: readonly HandlerMiddleware[] | undefined;
  /**
   * Called when it has started, caught up, and so on, in an application. Nothing waits for it; what it throws is reported as a problem.
   */
  onLifecycle?(change: ProcessorChange, services: ServiceScope): unknown;
  /**
   * The name that the checkpoint is kept under, asked anew at each start of the runner: generations of one read model
   * each have their own. Default: the definition's name.
   */
  checkpoint?(): string;
  /** Classes of events that it mentions; they are registered with it. */
  readonly messages: readonly MessageDefinition[];
  readonly upcasters?: readonly UpcasterDefinition[] | undefined;
  /** The class whose instance handles, resolved by `context.services`; the application binds it where the user has not. */
  readonly handler?: HandlerClass | undefined;
}
