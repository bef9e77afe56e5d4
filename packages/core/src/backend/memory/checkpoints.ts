import { checkName } from '../../log/check-names.js';
import {
  CheckpointConflictError,
  type Checkpoint,
  type CheckpointMove,
  type CheckpointStore,
} from '../checkpoints.js';
import { checkHeld, type StoredLease } from './leases.js';
import type { Table } from './table.js';
import type { Writer } from './writer.js';

export const checkpointKey = ({ processor, segment }: Omit<Checkpoint, 'position'>): string =>
  JSON.stringify([processor, segment]);

/** Checkpoints in a table: the backend's, or those that a transaction sees. */
export class MemoryCheckpointStore implements CheckpointStore {
  readonly #table: Table<Checkpoint>;
  readonly #leases: Table<StoredLease>;
  readonly #writer: Writer;

  constructor(table: Table<Checkpoint>, leases: Table<StoredLease>, writer: Writer) {
    this.#table = table;
    this.#leases = leases;
    this.#writer = writer;
  }

  async load(processor: string, segment = 0): Promise<Checkpoint | undefined> {
    this.#writer.checkUsable();
    return this.#table.get(checkpointKey({ processor, segment }));
  }

  async list(processor?: string): Promise<readonly Checkpoint[]> {
    this.#writer.checkUsable();
    return [...this.#table.rows()]
      .filter((row) => processor === undefined || row.processor === processor)
      .toSorted((a, b) => compare(a.processor, b.processor) || a.segment - b.segment);
  }

  async move(move: CheckpointMove): Promise<void> {
    checkName(move.processor, 'processor', 200);
    const { processor, segment, position, lease } = move;
    await this.#writer.write(() => {
      if (lease !== undefined) checkHeld(this.#leases, lease);
      const key = checkpointKey(move);
      if (this.#table.get(key)?.position !== move.previous) throw new CheckpointConflictError(move);
      this.#table.set(key, { processor, segment, position });
    });
  }

  async reset(processor: string): Promise<void> {
    await this.#writer.write(() => {
      for (const row of this.#table.rows()) {
        if (row.processor === processor) this.#table.delete(checkpointKey(row));
      }
    });
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
