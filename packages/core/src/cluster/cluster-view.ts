import type { Backend } from '../backend/backend.js';
import type { Checkpoint } from '../backend/checkpoints.js';
import type { AnnouncedNode } from '../backend/nodes.js';
import type { Divisions } from './divisions.js';

/** How this node is known to the others. */
export interface Presence {
  readonly node: AnnouncedNode | undefined;
  /** Says at once which processors the node takes a share of. */
  announce(processors: readonly string[]): Promise<void>;
}

/** What is seen at a look. */
export interface ClusterView {
  readonly me: AnnouncedNode;
  readonly nodes: readonly AnnouncedNode[];
  /** Names of leases that somebody has. */
  readonly taken: ReadonlySet<string>;
  readonly checkpoints: ReadonlyMap<string, readonly Checkpoint[]>;
  /** How many segments each processor is to have. */
  readonly counts: ReadonlyMap<string, number>;
}

/** Where a look is taken. */
export interface ViewSources {
  readonly backend: Backend;
  readonly presence: Presence;
  readonly divisions: Divisions;
}

/**
 * Looks at who is there and who has what.
 *
 * @param processors those whose numbers of segments are wanted
 * @returns `undefined` while this node is not one of them
 */
export const lookAtCluster = async (
  { backend, presence, divisions }: ViewSources,
  processors: readonly string[],
): Promise<ClusterView | undefined> => {
  const [listed, leases, all, counts] = await Promise.all([
    backend.nodes.list(),
    backend.leases.list('segment/'),
    backend.checkpoints.list(),
    divisions.load(processors),
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
};
