import type { RecordedEvent } from '../messages/event.js';
import type { Priority } from '../model/handler-policy.js';

/** How an event came to a processor. */
export interface EventRouting {
  /** Name of the route that sent it. */
  readonly route: string;
  /**
   * Which of the events that the processor gets of the one in the log, from 0: an upcaster or a route may have split it.
   * The same each time it is delivered, as long as the routes are.
   */
  readonly part: number;
  /** Id of the event in the log. */
  readonly sourceId: string;
  /** True if the route changed or made it: then it is not in the log as it is. */
  readonly isDerived: boolean;
  /** How urgent the route says it is; left out if it does not say. Counts before what its handler says. */
  readonly priority?: Priority | undefined;
  /** Why the route could not make what it should; the event is then as it is in the log. Handling it fails with this. */
  readonly failure?: Error | undefined;
}

/** An event as a processor takes it in: one of the log, or what a route made of it, with its position. */
export interface RoutedEvent<Type extends string = string, Data = unknown> extends RecordedEvent<Type, Data> {
  /** Left out where no route was involved. */
  readonly routing?: EventRouting | undefined;
}

/** How an event came to the processor that handles it; `undefined` if no route was involved. */
export const routingOf = (event: RoutedEvent): EventRouting | undefined => event.routing;
