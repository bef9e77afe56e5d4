import type { Snapshot } from '../backend/snapshots.js';
import type { AggregateDefinition, SnapshotPolicy } from '../model/aggregate-definition.js';
import type { LiveAggregate } from './live-aggregate.js';

/** Version of the state's schema under a policy. */
const schemaVersionOf = (policy: SnapshotPolicy): number => policy.schemaVersion ?? 1;

/** True for a snapshot that this release can read: one of another schema version is as good as none. */
export const isUsable = (policy: SnapshotPolicy, snapshot: Snapshot): boolean =>
  snapshot.schemaVersion === schemaVersionOf(policy);

/**
 * True when enough events came since the last snapshot. By distance and not by `version % every`: a command with
 * several events steps over the multiples, and its aggregate would never get one.
 */
export const isDue = (policy: SnapshotPolicy, aggregate: LiveAggregate): boolean =>
  aggregate.version - aggregate.snapshotVersion >= policy.every;

/** The snapshot of the present state. */
export const snapshotOf = (policy: SnapshotPolicy, aggregate: LiveAggregate): Snapshot => ({
  stream: aggregate.stream,
  version: aggregate.version,
  schemaVersion: schemaVersionOf(policy),
  state: policy.save === undefined ? aggregate.state : policy.save(aggregate.state),
});

/** The state that was saved. Without `restore` in the policy: an instance keeps its class, all else is the JSON. */
export const restoreState = <State>(
  definition: AggregateDefinition<State>,
  saved: unknown,
  id: string,
): State => {
  if (definition.snapshots?.restore !== undefined) return definition.snapshots.restore(saved, id);
  const state = definition.initialState(id);
  if (!isInstance(state)) return saved as State;
  for (const [key, value] of Object.entries(saved as object)) {
    // Defined and not assigned, so that a key such as `__proto__` is data.
    Object.defineProperty(state, key, { value, writable: true, enumerable: true, configurable: true });
  }
  return state;
};

const isInstance = (state: unknown): state is object => {
  if (typeof state !== 'object' || state === null || Array.isArray(state)) return false;
  const prototype: unknown = Object.getPrototypeOf(state);
  return prototype !== null && prototype !== Object.prototype;
};
