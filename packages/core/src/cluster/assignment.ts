import { hash } from 'node:crypto';

/** A node that takes a share of the work. */
export interface AssignableNode {
  readonly name: string;
  /** How much it takes compared to others. Above 0. Default: 1. */
  readonly weight?: number | undefined;
}

/** What one processor has to share out. */
export interface SharedWork {
  readonly processor: string;
  /** Names of its segments. */
  readonly segments: readonly string[];
  /** The nodes that run the processor. */
  readonly nodes: readonly AssignableNode[];
}

/**
 * Who is to have which segment of a processor: the same answer on every node that sees the same nodes, without a word between
 * them.
 *
 * Each node has a quota by its weight, and quotas of nodes of equal weight differ by at most one; the odd ones go to other nodes
 * for other processors. Pairs of segment and node then get a score each, and are taken from the highest on, as long as the segment
 * is free and the node has room: rendezvous hashing (Thaler and Ravishankar, 1998) with weights (Schindelhauer and Schomaker,
 * 2005) and bounded loads (after Mirrokni, Thorup and Zadimoghaddam, 2016). A node that comes or goes moves little but its own
 * share.
 *
 * @returns the node's name for each segment's name; empty where there are no nodes
 */
export const assign = ({ processor, segments, nodes }: SharedWork): ReadonlyMap<string, string> => {
  const room = quotas(processor, segments.length, nodes);
  const bids = segments.flatMap((segment) =>
    nodes.map((node) => ({ segment, node: node.name, score: score(node, `${processor}\n${segment}`) })),
  );
  bids.sort((one, other) => other.score - one.score || (one.node < other.node ? -1 : 1));
  const owners = new Map<string, string>();
  for (const { segment, node } of bids) {
    const left = room.get(node) ?? 0;
    if (left === 0 || owners.has(segment)) continue;
    owners.set(segment, node);
    room.set(node, left - 1);
  }
  return owners;
};

/** How many segments each node is to have, by the method of largest remainders; hashing breaks ties. */
const quotas = (processor: string, count: number, nodes: readonly AssignableNode[]): Map<string, number> => {
  const total = nodes.reduce((sum, { weight = 1 }) => sum + weight, 0);
  const shares = nodes.map(({ name, weight = 1 }) => {
    const exact = (count * weight) / total;
    const whole = Math.floor(exact);
    return { name, whole, rest: exact - whole, tie: uniform(`${name}\n${processor}`) };
  });
  shares.sort((one, other) => other.rest - one.rest || other.tie - one.tie);
  const left = count - shares.reduce((sum, { whole }) => sum + whole, 0);
  return new Map(shares.map(({ name, whole }, index) => [name, index < left ? whole + 1 : whole]));
};

/** By these, each node comes out first with a probability in proportion to its weight. */
const score = ({ name, weight = 1 }: AssignableNode, of: string): number =>
  -weight / Math.log(uniform(`${name}\n${of}`));

/** A number above 0 and below 1 that is drawn from the text. */
const uniform = (text: string): number =>
  (Number.parseInt(hash('sha256', text).slice(0, 12), 16) + 0.5) / 2 ** 48;
