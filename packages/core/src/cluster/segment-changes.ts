import type { Backend } from '../backend/backend.js';
import type { HeldLease, LeaseKeeper } from './lease-keeper.js';
import { leaseOf, type Participant } from './participant.js';
import { merged, segmentNumber, sibling, split, type Segment } from './segment.js';

export interface SegmentChangesOptions {
  readonly backend: Backend;
  readonly keeper: LeaseKeeper;
  readonly failed: (error: unknown) => void;
  /** There may be something to take. */
  readonly changed: () => void;
}

/** A segment that this node has. */
type Part = readonly [Segment, HeldLease];

/** What becomes of segments that this node has: each is finished and stored before. One change of a segment at a time. */
export class SegmentChanges {
  readonly #options: SegmentChangesOptions;
  /** By the names of the leases. */
  readonly #under = new Map<string, Promise<void>>();

  constructor(options: SegmentChangesOptions) {
    this.#options = options;
  }

  isUnderWay(processor: string, segment: Segment): boolean {
    return this.#under.has(leaseOf(processor, segment));
  }

  /** Settles when all that is under way is done. */
  async settled(): Promise<void> {
    await Promise.all(this.#under.values());
  }

  /** Lets another node have the segment. */
  handOver(participant: Participant, part: Part): void {
    this.#change(participant, [part], async () => this.#options.keeper.release([part[1]]));
  }

  /** Puts its halves in its place. */
  split(participant: Participant, part: Part): void {
    this.#change(participant, [part], () => this.#replace(participant, [part], split(part[0])));
  }

  /** Puts the segment that it is a half of in its place, if this node has the other half too. */
  merge(participant: Participant, part: Part): void {
    const [segment] = part;
    const other = sibling(segment);
    const whole = merged(segment);
    const lease = other === undefined ? undefined : participant.held.get(segmentNumber(other));
    if (other === undefined || whole === undefined || lease === undefined) return;
    if (this.isUnderWay(participant.processor, other)) return;
    const parts: readonly Part[] = [part, [other, lease]];
    this.#change(participant, parts, () => this.#replace(participant, parts, [whole]));
  }

  #change(participant: Participant, parts: readonly Part[], work: () => Promise<void>): void {
    const names = parts.map(([segment]) => leaseOf(participant.processor, segment));
    const done = Promise.all(parts.map(([segment]) => participant.giveUp(segmentNumber(segment))))
      .then(work)
      .catch(this.#options.failed)
      .finally(() => {
        for (const name of names) this.#under.delete(name);
        this.#options.changed();
      });
    for (const name of names) this.#under.set(name, done);
  }

  /**
   * Parts stand at one position when they were read for together, and they are not merged before they do: what one of them has
   * handled must not be handled again for the other.
   */
  async #replace({ processor }: Participant, parts: readonly Part[], by: readonly Segment[]): Promise<void> {
    const { backend, keeper } = this.#options;
    try {
      await backend.transaction(async (tx) => {
        const positions = new Set<bigint>();
        for (const [segment, { lease }] of parts) {
          const found = await tx.checkpoints.load(processor, segmentNumber(segment));
          if (found === undefined) return;
          positions.add(found.position);
          await tx.checkpoints.remove(found, lease);
        }
        const [position, ...others] = positions;
        if (position === undefined || others.length > 0) throw new ApartError();
        await tx.checkpoints.moveAll(
          by.map((segment) => ({
            processor,
            segment: segmentNumber(segment),
            position,
            previous: undefined,
          })),
        );
      });
    } catch (error) {
      if (!(error instanceof ApartError)) throw error;
    } finally {
      await keeper.release(parts.map(([, lease]) => lease));
    }
  }
}

/** The parts do not stand at one position yet. */
class ApartError extends Error {}
