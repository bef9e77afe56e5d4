import type { MessageContext } from '../messages/context.js';
import type { RecordedEvent } from '../messages/event.js';

/** How events are put into batches for a handler. */
export interface BatchOptions {
  /** Most events in one batch. Default: 100. */
  readonly max?: number | undefined;
  /**
   * Milliseconds that an event waits for others so that the batch gets full. Default: 0, which takes what is there: a busy handler
   * gets large batches, an idle one gets each event at once.
   */
  readonly waitMs?: number | undefined;
  /**
   * What a batch is made of. `all`: of whatever comes, one batch at a time, so that the handler gets its events in log order; but
   * nothing is said of their order to the events that other handlers of the class get. `key`: of events of one key, side by side with
   * other keys, in order with everything else of the key. Default: `all`.
   */
  readonly per?: 'all' | 'key' | undefined;
  /**
   * Milliseconds that a batch should take: its size is found by trying, between `min` and `max`. Default: none; batches are as large
   * as `max` and the events that wait allow.
   */
  readonly targetMs?: number | undefined;
  /** Fewest events that `targetMs` may make of a batch. Default: 1. */
  readonly min?: number | undefined;
}

/** The surroundings of a batch of events being handled. */
export interface EventsContext extends MessageContext {
  /** Name of the processor. */
  readonly processor: string;
  /** In order, at least one. A batch of one has this event as its cause; a larger one has none. */
  readonly events: readonly RecordedEvent[];
  /** 1 for the first try, counting up with each retry; of events with different numbers of tries the highest. */
  readonly attempt: number;
}

/** What handles batches of events, at least once. */
export interface BatchHandler extends BatchOptions {
  /**
   * Handles events; a promise is awaited, and its value ignored. If it throws or rejects, each of the events is handled again by
   * itself, in order, as a batch of one: so that only those fail that cannot be handled.
   */
  handle(events: readonly RecordedEvent[], context: EventsContext): unknown;
}
