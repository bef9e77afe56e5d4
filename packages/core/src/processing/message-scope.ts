import type { Newable, ServiceIdentifier } from 'inversify';
import { MessageContext, type ServiceScope } from '../messages/context.js';
import type { RecordedEvent } from '../messages/event.js';
import type { EventsContext } from '../model/batch-handler.js';
import type { BatchContext, HandlerContext } from '../model/processor-definition.js';
import { routingOf, type RoutedEvent } from '../routing/routed-event.js';

/** Makes the scope that dependencies are resolved in while one message is handled. */
export type OpenScope = (context: () => MessageContext) => ServiceScope;

/** A scope that is made when something is first asked of it: most handlers never ask. */
class LazyScope implements ServiceScope {
  readonly #open: OpenScope;
  #scope: ServiceScope | undefined;
  #context: MessageContext | undefined;

  constructor(open: OpenScope) {
    this.#open = open;
  }

  /** The context holds the scope and the scope its context, so one of them learns of the other afterwards. */
  belongTo(context: MessageContext): void {
    this.#context = context;
  }

  get<T>(service: ServiceIdentifier<T> | Newable<T>): T {
    this.#scope ??= this.#open(() => this.#context ?? new MessageContext());
    return this.#scope.get(service);
  }
}

/** The surroundings of one try of one event. */
class EventContext extends MessageContext implements HandlerContext {
  constructor(
    readonly processor: string,
    readonly event: RecordedEvent,
    readonly attempt: number,
    signal: AbortSignal,
    fencingToken: number | undefined,
    services: ServiceScope,
  ) {
    // Written out: it is made for each event, and spreading costs more than all the rest of it.
    super({
      messageId: causeIn(event),
      isEvent: true,
      metadata: event.metadata,
      signal,
      fencingToken,
      services,
    });
  }
}

/** The surroundings of one try of a batch of events. */
class SeveralEventsContext extends MessageContext implements EventsContext {
  constructor(
    readonly processor: string,
    readonly events: readonly RoutedEvent[],
    readonly attempt: number,
    signal: AbortSignal,
    fencingToken: number | undefined,
    services: ServiceScope,
  ) {
    const [first, second] = events;
    super({
      // Several events are no one cause, so what is sent because of them starts a new correlation.
      ...(first !== undefined && second === undefined
        ? { messageId: causeIn(first), isEvent: true, metadata: first.metadata }
        : {}),
      signal,
      fencingToken,
      services,
    });
  }
}

/** What a route made of an event is not in the log, so it cannot be a cause. */
const causeIn = (event: RoutedEvent): string => routingOf(event)?.sourceId ?? event.id;

/** The surroundings of one try of a batch in a transaction. A batch has no one cause, so what is sent from it starts a new correlation. */
class TransactionContext extends MessageContext implements BatchContext {
  constructor(
    readonly processor: string,
    readonly attempt: number,
    signal: AbortSignal,
    fencingToken: number | undefined,
    services: ServiceScope,
  ) {
    super({ signal, fencingToken, services });
  }
}

/** The context of one try of one event: what follows from it has its correlation, and the event as its cause. */
export const eventContext = (
  processor: string,
  event: RecordedEvent,
  attempt: number,
  signal: AbortSignal,
  open: OpenScope,
  fencingToken?: number,
): HandlerContext => {
  const scope = new LazyScope(open);
  const context = new EventContext(processor, event, attempt, signal, fencingToken, scope);
  scope.belongTo(context);
  return context;
};

/** The context of one try of a batch in a transaction. */
export const batchContext = (
  processor: string,
  attempt: number,
  signal: AbortSignal,
  open: OpenScope,
  fencingToken?: number,
): BatchContext & MessageContext => {
  const scope = new LazyScope(open);
  const context = new TransactionContext(processor, attempt, signal, fencingToken, scope);
  scope.belongTo(context);
  return context;
};

/** The context of one try of a batch of events. */
export const eventsContext = (
  processor: string,
  events: readonly RoutedEvent[],
  attempt: number,
  signal: AbortSignal,
  open: OpenScope,
  fencingToken?: number,
): EventsContext => {
  const scope = new LazyScope(open);
  const context = new SeveralEventsContext(processor, events, attempt, signal, fencingToken, scope);
  scope.belongTo(context);
  return context;
};
