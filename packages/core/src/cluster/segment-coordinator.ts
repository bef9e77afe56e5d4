import type { Backend } from '../backend/backend.js';
import type { Checkpoint, CheckpointStore } from '../backend/checkpoints.js';
import type { AnnouncedNode } from '../backend/nodes.js';
import type { Clock } from '../clock.js';
import type { Problems } from '../observation/problems.js';
import { assign, type AssignableNode } from './assignment.js';
import { GatheredCheckpoints } from './gathered-checkpoints.js';
import type { HeldLease, LeaseKeeper } from './lease-keeper.js';
import { Divisions } from './divisions.js';
import {
  divide,
  merged,
  segmentName,
  segmentNumber,
  segmentOf,
  sibling,
  split,
  type Segment,
} from './segment.js';
import { SegmentGoneError } from './segment-source.js';

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

/** How this node is known to the others. */
export interface Presence {
  readonly node: AnnouncedNode | undefined;
  /** Says at once which processors the node takes a share of. */
  announce(processors: readonly string[]): Promise<void>;
}

export interface SegmentCoordinatorOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly keeper: LeaseKeeper;
  readonly presence: Presence;
  readonly problems: Problems;
  /** Milliseconds between two looks at who is there and has what. */
  readonly lookEveryMs: number;
}

/** What is seen at a look. */
interface View {
  readonly me: AnnouncedNode;
  readonly nodes: readonly AnnouncedNode[];
  /** Names of leases that somebody has. */
  readonly taken: ReadonlySet<string>;
  readonly checkpoints: ReadonlyMap<string, readonly Checkpoint[]>;
  /** How many segments each processor is to have. */
  readonly counts: ReadonlyMap<string, number>;
}

interface Wanted {
  readonly participant: Participant;
  readonly segment: Segment;
}

const source = 'sharing the work among nodes';

const leaseName = (processor: string, segment: Segment): string =>
  `segment/${processor}/${segmentName(segment)}`;

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
  /** Segments that are being given up, split or merged, by the names of their leases. */
  readonly #changing = new Map<string, Promise<void>>();
  #cancelLook: (() => void) | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: SegmentCoordinatorOptions) {
    this.#options = options;
    this.checkpoints = new GatheredCheckpoints(options.backend.checkpoints);
    this.#divisions = new Divisions(options.backend);
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
    await Promise.all([end(), ...this.#changing.values()]);
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
    try {
      const view = await this.#view();
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

  async #view(): Promise<View | undefined> {
    const { backend, presence } = this.#options;
    const [listed, leases, all, counts] = await Promise.all([
      backend.nodes.list(),
      backend.leases.list('segment/'),
      backend.checkpoints.list(),
      this.#divisions.load([...this.#participants].map(({ processor }) => processor)),
    ]);
    const me = presence.node;
    if (me === undefined) return undefined;
    const nodes = listed.some(({ id }) => id === me.id)
      ? listed.map((node) => (node.id === me.id ? me : node))
      : [...listed, me];
    const taken = leases.filter(({ owner, remainingMs }) => owner !== undefined && remainingMs > 0);
    const checkpoints = new Map<string, Checkpoint[]>();
    for (const checkpoint of all) {
      const known = checkpoints.get(checkpoint.processor);
      if (known === undefined) checkpoints.set(checkpoint.processor, [checkpoint]);
      else known.push(checkpoint);
    }
    return { me, nodes, taken: new Set(taken.map(({ name }) => name)), checkpoints, counts };
  }

  /** Gives up what is another's, changes what is too large or too small, and says what is to be taken. */
  #share(
    participant: Participant,
    checkpoints: readonly Checkpoint[],
    { me, nodes, taken, counts }: View,
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
      const name = leaseName(processor, segment);
      if (this.#changing.has(name)) continue;
      if (lease === undefined) {
        if (isMine(segment) && !taken.has(name)) wanted.push({ participant, segment });
      } else if (!isMine(segment)) {
        this.#change([name], () => this.#giveUp(participant, [[segment, lease]]));
      } else if (segment.mask + 1 < count) {
        this.#change([name], () => this.#replace(participant, [[segment, lease]], split(segment)));
      } else if (segment.mask + 1 > count) {
        this.#mergeWithSibling(participant, segment, lease);
      }
    }
    return wanted;
  }

  #mergeWithSibling(participant: Participant, segment: Segment, lease: HeldLease): void {
    const { processor, held } = participant;
    const other = sibling(segment);
    const whole = merged(segment);
    const otherLease = other === undefined ? undefined : held.get(segmentNumber(other));
    if (other === undefined || whole === undefined || otherLease === undefined) return;
    const names = [segment, other].map((one) => leaseName(processor, one));
    if (names.some((name) => this.#changing.has(name))) return;
    const parts = [
      [segment, lease],
      [other, otherLease],
    ] as const;
    this.#change(names, () => this.#replace(participant, parts, [whole]));
  }

  /**
   * Puts other segments in the place of some that this node has, which are finished before. Parts stand at one position when they
   * were read for together, and they are not merged before they do: what one of them has handled must not be handled again for the
   * other.
   */
  async #replace(
    participant: Participant,
    parts: readonly (readonly [Segment, HeldLease])[],
    by: readonly Segment[],
  ): Promise<void> {
    const { backend } = this.#options;
    const { processor } = participant;
    await Promise.all(parts.map(([segment]) => participant.giveUp(segmentNumber(segment))));
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
      await this.#options.keeper.release(parts.map(([, lease]) => lease));
      this.#lookSoon();
    }
  }

  #change(names: readonly string[], work: () => Promise<void>): void {
    const { problems } = this.#options;
    const done = work()
      .catch((error: unknown) => problems.report(source, error))
      .finally(() => {
        for (const name of names) this.#changing.delete(name);
      });
    for (const name of names) this.#changing.set(name, done);
  }

  async #giveUp(participant: Participant, shares: readonly (readonly [Segment, HeldLease])[]): Promise<void> {
    await Promise.all(shares.map(([segment]) => participant.giveUp(segmentNumber(segment))));
    await this.#options.keeper.release(shares.map(([, lease]) => lease));
  }

  async #take(wanted: readonly Wanted[], me: AnnouncedNode): Promise<void> {
    if (wanted.length === 0) return;
    const { keeper } = this.#options;
    const byName = new Map(wanted.map((one) => [leaseName(one.participant.processor, one.segment), one]));
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

  /** Makes the segments of a processor that has none yet. */
  async #first(participant: Participant, { me, checkpoints, counts }: View): Promise<readonly Checkpoint[]> {
    const { backend, keeper } = this.#options;
    const { processor, wanted, startFrom } = participant;
    if (startFrom === 'checkpoint' && !checkpoints.has(processor)) {
      participant.gone();
      return [];
    }
    const count = counts.get(processor) ?? wanted;
    const [held] = await keeper.acquire([`division/${processor}`], me.id);
    if (held === undefined) return [];
    try {
      const position = startFrom === 'end' ? await backend.events.head() : 0n;
      return await backend.transaction(async (tx) => {
        const there = await tx.checkpoints.list(processor);
        if (count > 1) await this.#divisions.set(processor, count, tx.documents);
        if (there.length > 0) return there;
        const made = divide(count).map((segment) => ({
          processor,
          segment: segmentNumber(segment),
          position,
        }));
        await tx.checkpoints.moveAll(made.map((checkpoint) => ({ ...checkpoint, previous: undefined })));
        await tx.leases.hold(held.lease);
        return made;
      });
    } finally {
      await keeper.release([held]);
    }
  }
}

/** The parts do not stand at one position yet. */
class ApartError extends Error {}

/** What a segment is given to a node together with: itself, or what it is to be merged into. */
const unit = (segment: Segment, segments: number): Segment => {
  let whole = segment;
  while (whole.mask >= segments) whole = merged(whole) ?? whole;
  return whole;
};

const nodeOf = ({ id }: AnnouncedNode): AssignableNode => ({ name: id });
