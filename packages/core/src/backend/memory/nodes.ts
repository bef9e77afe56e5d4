import type { Clock } from '../../clock.js';
import { checkNode } from '../check-ports.js';
import type { AnnouncedNode, NodeStore } from '../nodes.js';
import type { Writer } from './writer.js';

interface StoredNode {
  readonly node: AnnouncedNode;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Nodes by id. They take no part in transactions. Time is the backend's clock. */
export class MemoryNodeStore implements NodeStore {
  readonly #byId = new Map<string, StoredNode>();
  readonly #writer: Writer;
  readonly #clock: Clock;

  constructor(writer: Writer, clock: Clock) {
    this.#writer = writer;
    this.#clock = clock;
  }

  async announce(node: AnnouncedNode, ttlMs: number): Promise<void> {
    checkNode(node, ttlMs);
    const copy = copyOf(node);
    await this.#writer.write(() => {
      const now = this.#clock.now().getTime();
      for (const [id, { expiresAt }] of this.#byId) if (expiresAt <= now) this.#byId.delete(id);
      this.#byId.set(copy.id, { node: copy, expiresAt: now + ttlMs });
    });
  }

  async withdraw(id: string): Promise<void> {
    await this.#writer.write(() => this.#byId.delete(id));
  }

  async list(): Promise<readonly AnnouncedNode[]> {
    this.#writer.checkUsable();
    const now = this.#clock.now().getTime();
    return [...this.#byId.values()]
      .filter(({ expiresAt }) => expiresAt > now)
      .map(({ node }) => copyOf(node))
      .toSorted((a, b) => a.startedAt.getTime() - b.startedAt.getTime() || (a.id < b.id ? -1 : 1));
  }
}

const copyOf = ({
  id,
  name,
  version,
  address,
  load,
  processors,
  startedAt,
}: AnnouncedNode): AnnouncedNode => ({
  id,
  name,
  ...(version === undefined ? {} : { version }),
  ...(address === undefined ? {} : { address }),
  ...(load === undefined ? {} : { load }),
  ...(processors === undefined ? {} : { processors: [...processors] }),
  startedAt: new Date(startedAt),
});
