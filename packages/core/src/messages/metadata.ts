/**
 * What travels with every message beside its data.
 *
 * All of it flows by itself from a command to its events and on to the commands that handlers of those
 * events send; only `causationId` and `causingEventId` change from hop to hop.
 */
export interface Metadata {
  /** One id for everything that began with the same first message. */
  readonly correlationId?: string | undefined;
  /** The id of the message that directly caused this one: for an event, mostly a command, which is not in the log. */
  readonly causationId?: string | undefined;
  /** The id of the nearest recorded event that this one follows from: what leads through the log from effect to cause. */
  readonly causingEventId?: string | undefined;
  /** The person on whose behalf this happens. */
  readonly userId?: string | undefined;
  /** The conversation or login that it belongs to. */
  readonly sessionId?: string | undefined;
  /** The agent that acts. */
  readonly agentId?: string | undefined;
  /** W3C trace context, as in the HTTP header of that name. */
  readonly traceparent?: string | undefined;
  /** Free keys of the application's own; values must be JSON. */
  readonly [key: string]: unknown;
}

/**
 * The reserved key under which a migrated event says where it came from. It belongs to that one event: it does not flow
 * on to what the event causes.
 */
export const originKey = '$origin';
