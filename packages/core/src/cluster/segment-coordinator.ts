import type { Backend } from '../backend/backend.js';
import type { Checkpoint, CheckpointStore } from '../backend/checkpoints.js';
import type { AnnouncedNode } from '../backend/nodes.js';
import type { Clock } from '../clock.js';
import type { Problems } from '../observation/problems.js';
import { assign, type AssignableNode } from './assignment.js';
import { lookAtCluster, type ClusterView, type Presence } from './cluster-view.js';
import { Divisions } from './divisions.js';
import { divideFirst } from './first-division.js';
import { GatheredCheckpoints } from './gathered-checkpoints.js';
import type { HeldLease, LeaseKeeper } from './lease-keeper.js';
import { leaseOf, type Participant } from './participant.js';
import { SegmentChanges } from './segment-changes.js';
import { SegmentGoneError } from './segment-source.js';
import { divide, merged, segmentName, segmentNumber, segmentOf, type Segment } from './segment.js';

export interface SegmentCoordinatorOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly keeper: LeaseKeeper;
  readonly presence: Presence;
  readonly problems: Problems;
  /** Milliseconds between two looks at who is there and has what. */
  readonly lookEveryMs: number;
}

interface Wanted {
  readonly participant: Participant;
  readonly segment: Segment;
}

const source = 'sharing the work among nodes';

/**
 * Has this node take its share of the segments of each processor, and give up what is another's.
 *
 * Nobody is in charge: each node looks every so often at who is there, works out by itself who is to have what (see
 * {@link assign}), and takes of its own share what is free. What moves from one node to another is finished, stored and released
 * before the other takes it. Whom the others see matters for balance alone: what keeps two from having one segment is its lease.
 */
export class SegmentCoordinator {
  /** Where checkpoints of segments are moved, those of all processors together. */
  readonly checkpoints: CheckpointStore;
  readonly #options: SegmentCoordinatorOptions;
  readonly #divisions: Divisions;
  readonly #participants = new Set<Participant>();
  readonly #changes: SegmentChanges;
  #cancelLook: (() => void) | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: SegmentCoordinatorOptions) {
    this.#options = options;
    this.checkpoints = new GatheredCheckpoints(options.backend.checkpoints);
    this.#divisions = new Divisions(options.backend);
    const { backend, keeper, problems } = options;
    this.#changes = new SegmentChanges({
      backend,
      keeper,
      failed: (error) => problems.report(source, error),
      changed: () => this.#lookSoon(),
    });
  }

  /** Takes a share of the processor's work from now on. Settles when what is free of it was taken. */
  async join(participant: Participant): Promise<void> {
    this.#participants.add(participant);
    try {
      await this.#announce();
      // One that is under way has not seen it yet.
      await this.#looking?.catch(() => undefined);
      await this.#look();
    } catch (error) {
      this.#participants.delete(participant);
      throw error;
    }
  }

  /** Takes no share any more: ends what it has as is said, and then gives it up. */
  async leave(participant: Participant, end: () => Promise<void>): Promise<void> {
    this.#participants.delete(participant);
    await this.#looking?.catch(() => undefined);
    const held = [...participant.held.values()];
    await Promise.all([end(), this.#changes.settled()]);
    await this.#options.keeper.release(held);
    if (this.#participants.size === 0) {
      this.#cancelLook?.();
      this.#cancelLook = undefined;
    }
    // That nobody counts on this node any more may also be seen later.
    await this.#announce().catch(() => undefined);
  }

  /** A segment was lost, and everything of it has ended here. */
  lost(_participant: Participant, held: HeldLease): void {
    void this.#options.keeper.release([held]).then(() => this.#lookSoon());
  }

  /** Has the processor divided into so many segments, by the nodes that have them. */
  async divide(processor: string, segments: number): Promise<void> {
    // Refuses what is no such number.
    divide(segments);
    await this.#divisions.set(processor, segments);
    this.#lookSoon();
  }

  async #announce(): Promise<void> {
    await this.#options.presence.announce([...this.#participants].map(({ processor }) => processor));
  }

  #lookSoon(): void {
    if (this.#participants.size > 0) void this.#look().catch(() => undefined);
  }

  /** One at a time; whoever asks meanwhile gets the next. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined;
      this.#schedule();
    });
    return this.#looking;
  }

  #schedule(): void {
    const { clock, lookEveryMs } = this.#options;
    this.#cancelLook?.();
    this.#cancelLook =
      this.#participants.size === 0
        ? undefined
        : clock.after(lookEveryMs, () => this.#lookSoon(), { unref: true });
  }

  async #lookOnce(): Promise<void> {
    const { problems } = this.#options;
    const processors = [...this.#participants].map(({ processor }) => processor);
    try {
      const view = await lookAtCluster({ ...this.#options, divisions: this.#divisions }, processors);
      if (view === undefined) return;
      const wanted: Wanted[] = [];
      for (const participant of this.#participants) {
        const { processor } = participant;
        const there = view.checkpoints.get(processor) ?? [];
        const isNew = there.length === 0 || (participant.wanted > 1 && !view.counts.has(processor));
        const checkpoints = isNew ? await this.#first(participant, view) : there;
        participant.seen(checkpoints);
        wanted.push(...this.#share(participant, checkpoints, view));
      }
      await this.#take(wanted, view.me);
      problems.resolve(source);
    } catch (error) {
      problems.report(source, error);
      throw error;
    }
  }

  /** Gives up what is another's, changes what is too large or too small, and says what is to be taken. */
  #share(
    participant: Participant,
    checkpoints: readonly Checkpoint[],
    { me, nodes, taken, counts }: ClusterView,
  ): readonly Wanted[] {
    const { processor, held } = participant;
    const there = checkpoints.map(({ segment }) => segmentOf(segment));
    const count = counts.get(processor) ?? participant.wanted;
    // Those that are to be merged are given to one node.
    const unitOf = (segment: Segment): Segment => unit(segment, count);
    const owners = assign({
      processor,
      segments: [...new Set(there.map((segment) => segmentName(unitOf(segment))))],
      nodes: nodes.filter(({ processors }) => processors?.includes(processor) === true).map(nodeOf),
    });
    const isMine = (segment: Segment): boolean => owners.get(segmentName(unitOf(segment))) === me.id;
    const wanted: Wanted[] = [];
    for (const segment of there) {
      const lease = held.get(segmentNumber(segment));
      const name = leaseOf(processor, segment);
      if (this.#changes.isUnderWay(processor, segment)) continue;
      if (lease === undefined) {
        if (isMine(segment) && !taken.has(name)) wanted.push({ participant, segment });
        continue;
      }
      const part = [segment, lease] as const;
      if (!isMine(segment)) this.#changes.handOver(participant, part);
      else if (segment.mask + 1 < count) this.#changes.split(participant, part);
      else if (segment.mask + 1 > count) this.#changes.merge(participant, part);
    }
    return wanted;
  }

  /** Makes the segments of a processor that has none yet, where it may begin by itself. */
  async #first(participant: Participant, view: ClusterView): Promise<readonly Checkpoint[]> {
    if (participant.startFrom === 'checkpoint' && !view.checkpoints.has(participant.processor)) {
      participant.gone();
      return [];
    }
    const { backend, keeper } = this.#options;
    return divideFirst({ backend, keeper, divisions: this.#divisions }, participant, view);
  }

  async #take(wanted: readonly Wanted[], me: AnnouncedNode): Promise<void> {
    if (wanted.length === 0) return;
    const { keeper } = this.#options;
    const byName = new Map(wanted.map((one) => [leaseOf(one.participant.processor, one.segment), one]));
    const held = await keeper.acquire([...byName.keys()], me.id);
    await Promise.all(
      held.map(async (lease) => {
        const one = byName.get(lease.lease.name);
        if (one === undefined || !this.#participants.has(one.participant)) return keeper.release([lease]);
        try {
          await one.participant.begin(one.segment, lease);
        } catch (error) {
          await keeper.release([lease]);
          if (!(error instanceof SegmentGoneError)) throw error;
        }
      }),
    );
  }
}

/** What a segment is given to a node together with: itself, or what it is to be merged into. */
const unit = (segment: Segment, segments: number): Segment => {
  let whole = segment;
  while (whole.mask >= segments) whole = merged(whole) ?? whole;
  return whole;
};

const nodeOf = ({ id }: AnnouncedNode): AssignableNode => ({ name: id });
