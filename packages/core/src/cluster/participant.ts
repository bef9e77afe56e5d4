import type { Checkpoint } from '../backend/checkpoints.js';
import type { HeldLease } from './lease-keeper.js';
import { segmentName, type Segment } from './segment.js';

/** What this node does of one processor. */
export interface Participant {
  /** Name that its checkpoints are kept under: what is shared out. */
  readonly processor: string;
  /** Into how many segments it is divided at first; a power of two. */
  readonly wanted: number;
  readonly startFrom: 'beginning' | 'end' | 'checkpoint';
  /** The leases of the segments that it has here, by their numbers. */
  readonly held: ReadonlyMap<number, HeldLease>;
  begin(segment: Segment, held: HeldLease): Promise<void>;
  giveUp(number: number): Promise<void>;
  seen(checkpoints: readonly Checkpoint[]): void;
  /** There is nothing to go on with, where it may not begin by itself. */
  gone(): void;
}

/** The name of the lease of a segment. */
export const leaseOf = (processor: string, segment: Segment): string =>
  `segment/${processor}/${segmentName(segment)}`;
