import type { Snapshot, SnapshotStore } from '../backend/snapshots.js';
import type { EventStore } from '../log/event-store.js';
import type { AggregateDefinition } from '../model/aggregate-definition.js';
import { streamOf } from '../model/aggregate-definition.js';
import type { Problems } from '../observation/problems.js';
import type { Schema } from '../schema/schema.js';
import { LiveAggregate } from './live-aggregate.js';
import { isDue, isUsable, snapshotOf } from './snapshot-policy.js';

export interface LoaderEnvironment {
  readonly events: EventStore;
  readonly snapshots: SnapshotStore;
  readonly schema: Schema;
  readonly problems: Problems;
}

/**
 * What {@link AggregateLoader.refresh} found: nothing new, new events that are folded in now, or a stream that no
 * longer holds what the state was made from (it was deleted), so that the aggregate must be loaded anew.
 */
export type Refreshed = 'current' | 'advanced' | 'replaced';

/** Makes live aggregates of streams: from the newest usable snapshot, if there is one, and the events behind it. */
export class AggregateLoader {
  readonly #environment: LoaderEnvironment;

  constructor(environment: LoaderEnvironment) {
    this.#environment = environment;
  }

  /** Loads the aggregate as it is in the store now. One that has no events yet is as new. */
  async load<State>(definition: AggregateDefinition<State>, id: string): Promise<LiveAggregate<State>> {
    const { events, schema } = this.#environment;
    const restored = await this.#loadFromSnapshot(definition, id);
    if (restored !== undefined) return restored;
    const aggregate = new LiveAggregate(definition, id, schema);
    for await (const batch of events.readStream(aggregate.stream)) aggregate.apply(batch);
    return aggregate;
  }

  /**
   * Folds in what came since. Reads from the last known event on, itself included: if that is not there any more,
   * or is another one, the stream was deleted meanwhile and perhaps begun anew.
   */
  async refresh(aggregate: LiveAggregate): Promise<Refreshed> {
    const { stream, version, lastEventId } = aggregate;
    let outcome: Refreshed = 'current';
    let anchored = version === -1;
    for await (const batch of this.#environment.events.readStream(stream, { from: Math.max(version, 0) })) {
      const behind = anchored ? batch : batch.slice(1);
      if (!anchored && batch[0]?.id !== lastEventId) return 'replaced';
      anchored = true;
      if (behind.length === 0) continue;
      aggregate.apply(behind);
      outcome = 'advanced';
    }
    return anchored ? outcome : 'replaced';
  }

  /**
   * Saves a snapshot if one is due. A snapshot is a shortcut and never a truth: when saving fails, that is reported
   * and nothing else happens; the next command tries again.
   */
  async saveSnapshotIfDue(aggregate: LiveAggregate): Promise<void> {
    const policy = aggregate.definition.snapshots;
    if (policy === undefined || !isDue(policy, aggregate)) return;
    const source = `saving snapshots of aggregate "${aggregate.definition.name}"`;
    try {
      await this.#environment.snapshots.save(snapshotOf(policy, aggregate));
      aggregate.snapshotSaved();
      this.#environment.problems.resolve(source);
    } catch (error) {
      this.#environment.problems.report(source, error);
    }
  }

  /** `undefined` where there is no snapshot to go by: then every event is folded. */
  async #loadFromSnapshot<State>(
    definition: AggregateDefinition<State>,
    id: string,
  ): Promise<LiveAggregate<State> | undefined> {
    const snapshot = await this.#findSnapshot(definition, id);
    if (snapshot === undefined) return undefined;
    let aggregate: LiveAggregate<State> | undefined;
    for await (const batch of this.#environment.events.readStream(snapshot.stream, {
      from: snapshot.version,
    })) {
      if (aggregate !== undefined) {
        aggregate.apply(batch);
        continue;
      }
      // The last event that it covers must still be there: else the stream was deleted, and the snapshot outlived it.
      const [last, ...behind] = batch;
      if (last?.version !== snapshot.version) return undefined;
      aggregate = new LiveAggregate(definition, id, this.#environment.schema);
      const source = `restoring snapshots of aggregate "${definition.name}"`;
      try {
        aggregate.restore(snapshot, last);
        this.#environment.problems.resolve(source);
      } catch (error) {
        this.#environment.problems.report(source, error);
        return undefined;
      }
      aggregate.apply(behind);
    }
    return aggregate;
  }

  async #findSnapshot(definition: AggregateDefinition, id: string): Promise<Snapshot | undefined> {
    if (definition.snapshots === undefined) return undefined;
    const source = `loading snapshots of aggregate "${definition.name}"`;
    try {
      const snapshot = await this.#environment.snapshots.load(streamOf(definition.name, id));
      this.#environment.problems.resolve(source);
      return snapshot !== undefined && isUsable(definition.snapshots, snapshot) ? snapshot : undefined;
    } catch (error) {
      this.#environment.problems.report(source, error);
      return undefined;
    }
  }
}
