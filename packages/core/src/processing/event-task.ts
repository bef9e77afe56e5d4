import type { RetryWaits } from '../recovery/retry-schedule.js';
import type { RoutedEvent } from '../routing/routed-event.js';
import type { BatchRule, LaneItem } from './keyed-lanes.js';
import type { Rank } from './lane-turns.js';

/** One event on its way through the lanes to its handler. */
export interface EventTask extends LaneItem {
  readonly event: RoutedEvent;
  /** What it is to be finished with in the low-water mark. */
  readonly ticket: number;
  readonly key: string;
  readonly rank: Rank;
  readonly since: number;
  /** Whom it may be handled with; `undefined` once it is to be handled alone. */
  batch: BatchRule | undefined;
  attempt: number;
  /** Failed tries that count against the policy. */
  failures: number;
  waits: RetryWaits | undefined;
}
