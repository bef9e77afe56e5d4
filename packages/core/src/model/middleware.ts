import type { Transaction } from '../backend/transaction.js';
import type { MessageContext } from '../messages/context.js';
import type { RecordedEvent } from '../messages/event.js';
import type { EventsContext } from './batch-handler.js';
import type { BatchContext, HandlerContext } from './processor-definition.js';

/** What every call of a handler has, as middleware sees it. */
interface AnyHandlerCall {
  /**
   * Says that the handler is left out on purpose: the call counts as done, and the events as handled. Without it, a middleware that
   * returns without having called `next` makes the call fail.
   *
   * @param reason why, for whoever reads the code
   */
  skip(reason: string): void;
}

/** One event for a handler with `@On`, or a delivery one by one. */
export interface EventCall extends AnyHandlerCall {
  readonly kind: 'event';
  readonly event: RecordedEvent;
  readonly context: HandlerContext;
}

/** A batch for a handler with `@OnBatch`, or a delivery in batches. */
export interface BatchCall extends AnyHandlerCall {
  readonly kind: 'batch';
  readonly events: readonly RecordedEvent[];
  readonly context: EventsContext;
}

/** A batch in one transaction with the checkpoint: what projections are made of. */
export interface TransactionCall extends AnyHandlerCall {
  readonly kind: 'transaction';
  readonly events: readonly RecordedEvent[];
  /** What is written through it is stored with what the handler writes, or not at all. */
  readonly tx: Transaction;
  readonly context: BatchContext & MessageContext;
}

/** One try of a handler: of a processor, a projection or a saga. */
export type HandlerCall = EventCall | BatchCall | TransactionCall;

/**
 * Something that every call of a handler passes: it may look, measure, set metadata for what follows, refuse by throwing, catch what the
 * handler throws, or leave the handler out.
 *
 * It stands around each try, so a retry passes it again. It must call `next` once, or `call.skip`. Calling `next` twice, or after the
 * middleware has returned, throws; if it returns before `next` has settled, the call goes on until it has.
 *
 * @param next goes on to the next middleware, and at last to the handler; rejects with what these throw
 */
export type HandlerMiddleware = (call: HandlerCall, next: () => Promise<void>) => Promise<void>;
