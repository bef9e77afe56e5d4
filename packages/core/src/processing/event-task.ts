import type { Tries } from '../recovery/handler-recovery.js';
import type { RoutedEvent } from '../routing/routed-event.js';
import type { EventBatches } from './event-batches.js';
import type { LaneItem } from './keyed-lanes.js';
import type { Rank } from './lane-turns.js';

/** One event on its way through the lanes to its handler. */
export interface EventTask extends LaneItem {
  readonly event: RoutedEvent;
  /** What it is to be finished with in the low-water mark. */
  readonly ticket: number;
  /** What it is in order with, as the definition says. */
  readonly sequence: string;
  /** Its place in the lanes: the sequence, or that of its batches. */
  readonly key: string;
  readonly rank: Rank;
  readonly since: number;
  /** Whose handler it is for, where that handles batches. */
  readonly batches: EventBatches | undefined;
  /** The same, until it is to be handled alone. */
  batch: EventBatches | undefined;
  /** Which of the events of its position it is. */
  readonly part: number;
  attempt: number;
  /** The tries that have failed, if any has. */
  tries: Tries | undefined;
  /** Why it is to be compensated, if it is. */
  compensating: Error | undefined;
}
