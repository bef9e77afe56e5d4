import type { Transaction } from '../backend/transaction.js';
import type { MessageContext } from '../messages/context.js';
import type { BatchHandler, EventsContext } from '../model/batch-handler.js';
import type { HandlerMiddleware } from '../model/middleware.js';
import type {
  BatchContext,
  EachDelivery,
  HandlerContext,
  TransactionDelivery,
} from '../model/processor-definition.js';
import type { RoutedEvent } from '../routing/routed-event.js';
import type { DispatcherHost } from './dispatcher.js';
import { batchContext, eventContext, eventsContext } from './message-scope.js';
import { throughMiddleware } from './middleware-chain.js';

type CallHost = Pick<DispatcherHost, 'definition' | 'openScope' | 'middleware' | 'fencingToken'>;

/** Calls the handlers of a processor: each try in a context of its own, and through the middleware if there is any. */
export class HandlerCalls {
  readonly #host: CallHost;
  readonly #middleware: readonly HandlerMiddleware[] | undefined;

  constructor(host: CallHost) {
    this.#host = host;
    const middleware = [...host.middleware, ...(host.definition.middleware ?? [])];
    this.#middleware = middleware.length === 0 ? undefined : middleware;
  }

  /** Handles one event. Gives what the handler returns where no middleware stands before it, so that no promise is made. */
  one(delivery: EachDelivery, event: RoutedEvent, attempt: number, signal: AbortSignal): unknown {
    const { definition, openScope, fencingToken } = this.#host;
    const context = eventContext(definition.name, event, attempt, signal, openScope, fencingToken);
    return context.run(() => this.#one(delivery, event, context));
  }

  /** Handles a batch. */
  batch(
    handler: BatchHandler,
    events: readonly RoutedEvent[],
    attempt: number,
    signal: AbortSignal,
  ): unknown {
    const { definition, openScope, fencingToken } = this.#host;
    const context = eventsContext(definition.name, events, attempt, signal, openScope, fencingToken);
    return context.run(() => this.#batch(handler, events, context));
  }

  /** Does what the definition does for an event that could not be handled. No middleware stands before it. */
  compensation(event: RoutedEvent, error: Error, attempt: number, signal: AbortSignal): unknown {
    const { definition, openScope, fencingToken } = this.#host;
    const context = eventContext(definition.name, event, attempt, signal, openScope, fencingToken);
    return context.run(() => definition.compensate?.(event, error, context));
  }

  /** Handles a batch in a transaction. */
  transaction(
    delivery: TransactionDelivery,
    events: readonly RoutedEvent[],
    tx: Transaction,
    attempt: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { definition, openScope, fencingToken } = this.#host;
    const context = batchContext(definition.name, attempt, signal, openScope, fencingToken);
    return context.run(() => this.#transaction(delivery, events, tx, context));
  }

  #one(delivery: EachDelivery, event: RoutedEvent, context: HandlerContext): unknown {
    const middleware = this.#middleware;
    if (middleware === undefined) return delivery.handle(event, context);
    return throughMiddleware(middleware, { kind: 'event', event, context }, () =>
      delivery.handle(event, context),
    );
  }

  #batch(handler: BatchHandler, events: readonly RoutedEvent[], context: EventsContext): unknown {
    const middleware = this.#middleware;
    if (middleware === undefined) return handler.handle(events, context);
    return throughMiddleware(middleware, { kind: 'batch', events, context }, () =>
      handler.handle(events, context),
    );
  }

  #transaction(
    delivery: TransactionDelivery,
    events: readonly RoutedEvent[],
    tx: Transaction,
    context: BatchContext & MessageContext,
  ): Promise<void> {
    const middleware = this.#middleware;
    if (middleware === undefined) return delivery.handle(events, tx, context);
    return throughMiddleware(middleware, { kind: 'transaction', events, tx, context }, () =>
      delivery.handle(events, tx, context),
    );
  }
}
