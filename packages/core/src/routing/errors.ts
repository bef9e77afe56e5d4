import { TidemarkError } from '../error.js';
import type { RecordedEvent } from '../messages/event.js';
import { describeError, toError } from '../recovery/thrown.js';

/** A function of a route threw, or gave something that it must not. To try it again is of no use: it gives the same. */
export class RouteError extends TidemarkError {
  readonly code = 'route';

  constructor(
    readonly route: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The processor was sent an event that it has no handler for. */
export class UnhandledEventError extends TidemarkError {
  readonly code = 'unhandled-event';

  constructor(
    readonly processor: string,
    readonly eventType: string,
    readonly route: string,
  ) {
    super(
      `Route "${route}" sent an event of type "${eventType}" to processor "${processor}", which has no @On for it: add one, or ` +
        'narrow the "match" of the route.',
    );
  }
}

/** What a function of a route threw, with the place of the event. Never shows data of the event. */
export const routeFailure = (
  route: { readonly name: string; readonly definedAt: string },
  part: string,
  event: RecordedEvent,
  thrown: unknown,
): RouteError =>
  new RouteError(
    route.name,
    `"${part}" of route "${route.name}" (${route.definedAt}) failed on event "${event.type}" (stream "${event.stream}", version ` +
      `${event.version}): ${describeError(toError(thrown))}`,
    { cause: thrown },
  );
