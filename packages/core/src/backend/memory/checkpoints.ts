import { checkName } from '../../log/check-names.js';
import {
  CheckpointConflictError,
  type Checkpoint,
  type CheckpointMove,
  type CheckpointRefusal,
  type CheckpointStore,
} from '../checkpoints.js';
import { LeaseLostError, type Lease } from '../leases.js';
import { isHeld, type StoredLease } from './leases.js';
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
    const [refusal] = await this.moveAll([move]);
    if (refusal !== undefined) throw refusal;
  }

  async moveAll(moves: readonly CheckpointMove[]): Promise<readonly CheckpointRefusal[]> {
    for (const { processor } of moves) checkName(processor, 'processor', 200);
    return this.#writer.write(() =>
      moves.map((move) => {
        const refusal = this.#refusal(move, move.lease);
        const { processor, segment, position } = move;
        if (refusal === undefined) this.#table.set(checkpointKey(move), { processor, segment, position });
        return refusal;
      }),
    );
  }

  async remove(checkpoint: Checkpoint, lease?: Lease): Promise<void> {
    await this.#writer.write(() => {
      const refusal = this.#refusal({ ...checkpoint, previous: checkpoint.position }, lease);
      if (refusal !== undefined) throw refusal;
      this.#table.delete(checkpointKey(checkpoint));
    });
  }

  async reset(processor: string): Promise<void> {
    await this.#writer.write(() => {
      for (const row of this.#table.rows()) {
        if (row.processor === processor) this.#table.delete(checkpointKey(row));
      }
    });
  }

  #refusal(move: CheckpointMove, lease: Lease | undefined): CheckpointRefusal {
    if (lease !== undefined && !isHeld(this.#leases.get(lease.name), lease)) return new LeaseLostError(lease);
    const found = this.#table.get(checkpointKey(move))?.position;
    return found === move.previous ? undefined : new CheckpointConflictError(move);
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
