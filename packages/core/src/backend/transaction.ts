import { TidemarkError } from '../error.js';
import type { AppendResult, StreamAppend } from '../log/event-store.js';
import type { CheckpointStore } from './checkpoints.js';
import type { DocumentStore } from './documents.js';
import type { TimerStore } from './timers.js';

/** Rows of one SQL statement. */
export interface QueryResult<Row> {
  readonly rows: readonly Row[];
  /** How many rows an INSERT, UPDATE or DELETE touched. */
  readonly affectedRows: number;
}

/** The ports of a backend, bound to one transaction. Using it after its end is refused. */
export interface Transaction {
  readonly checkpoints: CheckpointStore;
  readonly documents: DocumentStore;
  readonly timers: TimerStore;

  /**
   * Appends in this transaction, where the store's `capabilities.transactionalAppend` is true.
   *
   * @throws {UnsupportedError} where it is not
   */
  append(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]>;

  /**
   * Runs SQL in this transaction, where the backend's `sql` is true. Parameters are `$1`, `$2`, …
   *
   * @throws {UnsupportedError} where it is not
   */
  query<Row = Record<string, unknown>>(
    sql: string,
    parameters?: readonly unknown[],
  ): Promise<QueryResult<Row>>;
}

/** A transaction was used after its end, or the backend's own ports (or a second transaction) inside of one. */
export class TransactionError extends TidemarkError {
  readonly code = 'transaction';
}
