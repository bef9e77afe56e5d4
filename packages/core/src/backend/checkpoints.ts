import { TidemarkError } from '../error.js';
import type { Lease, LeaseLostError } from './leases.js';

/** How far a processor has come. */
export interface Checkpoint {
  readonly processor: string;
  /** Part of the processor's keys that it counts for. Undivided processors have only segment 0. */
  readonly segment: number;
  /** Everything up to and including this position is finished. */
  readonly position: bigint;
}

export interface CheckpointMove extends Checkpoint {
  /** Where the checkpoint must stand now; `undefined` if it must not exist yet. */
  readonly previous: bigint | undefined;
  /** The mover must have this lease, until the move is committed: it fences the transaction as `hold` does. Default: none. */
  readonly lease?: Lease | undefined;
}

/** Why a checkpoint was not moved; `undefined` if it was. */
export type CheckpointRefusal = CheckpointConflictError | LeaseLostError | undefined;

/** Where processors note how far they have come. */
export interface CheckpointStore {
  /** The checkpoint of a processor's segment, or `undefined` if it has none yet. Default segment: 0. */
  load(processor: string, segment?: number): Promise<Checkpoint | undefined>;

  /** All checkpoints, or those of one processor. */
  list(processor?: string): Promise<readonly Checkpoint[]>;

  /**
   * Moves a checkpoint by compare-and-set: two owners can never both succeed from the same place.
   *
   * @throws {LeaseLostError} the lease that came with it is lost; inside a transaction, roll back
   * @throws {CheckpointConflictError} it stands elsewhere than `previous`; inside a transaction, roll back
   */
  move(move: CheckpointMove): Promise<void>;

  /**
   * Moves several checkpoints in one round trip, each for itself, as {@link move} does: one that cannot be moved does not keep the
   * others.
   *
   * @param moves of different checkpoints
   * @returns for each, in the order given, why it was not moved; `undefined` if it was
   */
  moveAll(moves: readonly CheckpointMove[]): Promise<readonly CheckpointRefusal[]>;

  /**
   * Forgets one checkpoint by compare-and-set, as when its segment is split or merged.
   *
   * @param lease fences it, as it does a {@link move}. Default: none
   * @throws {LeaseLostError} the lease is lost; inside a transaction, roll back
   * @throws {CheckpointConflictError} it stands elsewhere; inside a transaction, roll back
   */
  remove(checkpoint: Checkpoint, lease?: Lease): Promise<void>;

  /** Forgets all checkpoints of a processor: it will start over. */
  reset(processor: string): Promise<void>;
}

/** Another owner moved the checkpoint meanwhile: what was done since must be rolled back, and the work let go. */
export class CheckpointConflictError extends TidemarkError {
  readonly code = 'checkpoint-conflict';

  constructor(readonly move: CheckpointMove) {
    super(
      `The checkpoint of processor "${move.processor}" (segment ${move.segment}) is no longer at ` +
        `${move.previous ?? 'its start'}: another instance has moved it. This one must let go; ` +
        'make sure that only one application runs the processor on this backend.',
    );
  }
}
