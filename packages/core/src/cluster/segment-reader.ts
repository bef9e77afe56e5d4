import type { SubscriptionBatch } from '../log/event-store.js';
import type { RecordedEvent } from '../messages/event.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import { defaultBatchSize } from '../processing/defaults.js';
import { LogFollower } from '../processing/log-follower.js';
import { readBatch, type ReadResult } from '../processing/read-batch.js';
import type { RunnerEnvironment } from '../processing/runner-environment.js';
import type { SourceStep, SourceTrouble } from '../processing/source.js';
import { toError } from '../recovery/thrown.js';
import type { Intake } from '../routing/intake.js';
import type { RoutedEvent } from '../routing/routed-event.js';
import { keyHash } from './key-hash.js';
import { holdsHash, type Segment } from './segment.js';

/** A segment that is read for. */
export interface SegmentMember {
  readonly segment: Segment;
  /** Everything up to it was delivered, or is finished. */
  readonly after: bigint;
  /** Takes in a step. The next is not delivered, to any member of the group, before this settles. Never rejects. */
  take(step: SourceStep): void | Promise<void>;
  trouble(trouble: SourceTrouble | undefined): void;
}

/** Most keys whose hash is kept. */
const mostHashes = 10_000;

/**
 * Reads the log for the segments that one node has of a processor: once for all that stand at about the same place, however many
 * they are.
 *
 * A segment that comes in further behind is read for in a group of its own. When a group has caught up with the log, the groups
 * ahead of it join it: their members leave out what they have had already. So soon there is one group again.
 */
export class SegmentReader {
  readonly #definition: ProcessorDefinition;
  readonly #environment: RunnerEnvironment;
  readonly #intake: Intake;
  readonly #keyOf: (event: RecordedEvent) => string;
  readonly #hashes = new Map<string, number>();
  readonly #groups = new Set<Group>();
  #joining: SegmentMember[] = [];

  constructor(
    definition: ProcessorDefinition,
    environment: RunnerEnvironment,
    intake: Intake,
    keyOf: (event: RecordedEvent) => string,
  ) {
    this.#definition = definition;
    this.#environment = environment;
    this.#intake = intake;
    this.#keyOf = keyOf;
  }

  /** How many subscriptions to the log there are. */
  get groups(): number {
    return this.#groups.size;
  }

  /** Begins to deliver to the member. Those that join in one turn are read for together. */
  join(member: SegmentMember): void {
    if (this.#joining.length === 0) queueMicrotask(() => this.#admit());
    this.#joining.push(member);
  }

  /** Delivers nothing more to the member. */
  leave(member: SegmentMember): void {
    this.#joining = this.#joining.filter((other) => other !== member);
    for (const group of this.#groups) {
      if (group.members.delete(member) && group.members.size === 0) this.#end(group);
    }
  }

  #admit(): void {
    const joining = this.#joining;
    this.#joining = [];
    const [first, ...others] = joining;
    if (first === undefined) return;
    const after = others.reduce(
      (least, member) => (member.after < least ? member.after : least),
      first.after,
    );
    const group = [...this.#groups].find(({ position }) => position <= after) ?? this.#open(after);
    for (const member of joining) group.members.add(member);
  }

  #open(after: bigint): Group {
    const { backend, clock, schema } = this.#environment;
    const { batchSize = defaultBatchSize } = this.#definition;
    const group: Group = {
      members: new Set(),
      position: after,
      isTaking: false,
      follower: new LogFollower({
        store: backend.events,
        clock,
        subscribe: () => ({ filter: this.#intake.filter(schema), batchSize }),
        after,
        take: (batch) => this.#take(group, batch),
        trouble: (error, what) => {
          for (const member of group.members) member.trouble(what === '' ? undefined : { what, error });
        },
      }),
      endIntake: this.#intake.onWider(() => group.follower.reopen()),
    };
    this.#groups.add(group);
    void group.follower.run();
    return group;
  }

  #end(group: Group): void {
    this.#groups.delete(group);
    group.endIntake();
    void group.follower.close();
  }

  async #take(group: Group, batch: SubscriptionBatch): Promise<void> {
    group.isTaking = true;
    const step = this.#read(batch);
    const room: Promise<void>[] = [];
    for (const member of group.members) {
      if (step.position <= member.after && step.unreadable === undefined) continue;
      const events = step.events.filter(
        (event) => event.position > member.after && holdsHash(member.segment, this.#hashOf(event)),
      );
      const full = member.take({ ...step, events, caughtUp: batch.caughtUp });
      if (full !== undefined) room.push(full);
    }
    group.position = step.position;
    await Promise.all(room);
    group.isTaking = false;
    if (batch.caughtUp && this.#groups.size > 1) this.#gather(group);
  }

  /** Has groups that are ahead join the one that has caught up. */
  #gather(group: Group): void {
    for (const other of this.#groups) {
      if (other === group || other.isTaking || other.position < group.position) continue;
      for (const member of other.members) group.members.add(member);
      this.#end(other);
    }
  }

  #read(batch: SubscriptionBatch): ReadResult {
    const read = readBatch(this.#environment.schema, this.#intake, batch);
    for (const [index, event] of read.events.entries()) {
      try {
        this.#hashOf(event);
      } catch (thrown) {
        // Without its key the event has no place in any segment, so none may pass it.
        return {
          events: read.events.slice(0, index).filter(({ position }) => position < event.position),
          position: event.position - 1n,
          unreadable: { error: toError(thrown), event, attempts: 1 },
        };
      }
    }
    return read;
  }

  #hashOf(event: RoutedEvent): number {
    const key = this.#keyOf(event);
    let hash = this.#hashes.get(key);
    if (hash === undefined) {
      hash = keyHash(key);
      if (this.#hashes.size >= mostHashes) this.#hashes.clear();
      this.#hashes.set(key, hash);
    }
    return hash;
  }
}

/** Members that one subscription delivers to. */
interface Group {
  readonly members: Set<SegmentMember>;
  readonly follower: LogFollower;
  readonly endIntake: () => void;
  /** Up to where it has read. */
  position: bigint;
  isTaking: boolean;
}
