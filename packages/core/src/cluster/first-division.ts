import type { Backend } from '../backend/backend.js';
import type { Checkpoint } from '../backend/checkpoints.js';
import type { ClusterView } from './cluster-view.js';
import type { Divisions } from './divisions.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { Participant } from './participant.js';
import { divide, segmentNumber } from './segment.js';

/** What the first division of a processor needs. */
export interface FirstDivisionParts {
  readonly backend: Backend;
  readonly keeper: LeaseKeeper;
  readonly divisions: Divisions;
}

/**
 * Makes the segments of a processor that has none yet, and notes how many it is to have. What was stored before there were segments
 * is one that holds all keys, and is split afterwards.
 *
 * @returns the segments that there are now; none while another node does the same
 */
export const divideFirst = async (
  { backend, keeper, divisions }: FirstDivisionParts,
  { processor, wanted, startFrom }: Participant,
  { me, counts }: ClusterView,
): Promise<readonly Checkpoint[]> => {
  const count = counts.get(processor) ?? wanted;
  const [held] = await keeper.acquire([`division/${processor}`], me.id);
  if (held === undefined) return [];
  try {
    const position = startFrom === 'end' ? await backend.events.head() : 0n;
    return await backend.transaction(async (tx) => {
      const there = await tx.checkpoints.list(processor);
      if (count > 1) await divisions.set(processor, count, tx.documents);
      if (there.length > 0) return there;
      const made = divide(count).map((segment) => ({ processor, segment: segmentNumber(segment), position }));
      await tx.checkpoints.moveAll(made.map((checkpoint) => ({ ...checkpoint, previous: undefined })));
      await tx.leases.hold(held.lease);
      return made;
    });
  } finally {
    await keeper.release([held]);
  }
};
