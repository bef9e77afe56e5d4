import { TidemarkError } from '../error.js';
import type { AppendResult, StreamAppend } from '../log/event-store.js';
import type { RecordedEvent } from '../messages/event.js';
import type { CheckpointStore } from './checkpoints.js';
import type { DeadLetterStore } from './dead-letters.js';
import type { DocumentStore } from './documents.js';
import type { LeaseFence, LeaseStore } from './leases.js';
import type { TimerStore } from './timers.js';

/** Rows of one SQL statement. */
export interface QueryResult<Row> {
  readonly rows: readonly Row[];
  /** How many rows an INSERT, UPDATE or DELETE touched. */
  readonly affectedRows: number;
}

/** One lock that a transaction takes. */
export interface TransactionLock {
  /** What is locked: any text; it means whatever those who take it agree on. Locks of different names may, rarely, be one. */
  readonly name: string;
  /** `shared` goes together with other shared ones; `exclusive` with none. */
  readonly mode: 'shared' | 'exclusive';
}

/** The ports of a backend, bound to one transaction. Using it after its end is refused. */
export interface Transaction {
  readonly checkpoints: CheckpointStore;
  readonly documents: DocumentStore;
  readonly timers: TimerStore;
  /** What is held here fences the transaction. */
  readonly leases: LeaseStore & LeaseFence;
  readonly deadLetters: DeadLetterStore;

  /**
   * Appends in this transaction, where the store's `capabilities.transactionalAppend` is true.
   *
   * @throws {UnsupportedError} where it is not
   */
  append(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]>;

  /**
   * Reads events of one stream by version, both ends inclusive, as this transaction sees them: with what it appended itself,
   * and whatever settings of the stream hide.
   *
   * @throws {UnsupportedError} where `capabilities.transactionalAppend` is false
   */
  readVersions(stream: string, from: number, to: number): Promise<readonly RecordedEvent[]>;

  /**
   * Reads the log behind a position in its order, as this transaction sees it: all that is committed and what it appended
   * itself. Nothing is held back, so an event that commits later may stand before those read: only who keeps all writers of
   * these types away, by {@link lock}, knows that none does.
   *
   * @param types event types, as stored
   * @param limit most events
   * @throws {UnsupportedError} where `capabilities.transactionalAppend` is false
   */
  readBehind(after: bigint, types: readonly string[], limit: number): Promise<readonly RecordedEvent[]>;

  /**
   * Waits for locks, across processes, and holds them until the end of the transaction. They are taken one after another in an
   * order that is the same for all, so that calls cannot wait for each other in a circle; of several calls in one transaction
   * they can.
   *
   * @throws {TransactionConflictError} it would wait for ever
   */
  lock(locks: readonly TransactionLock[]): Promise<void>;

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

/** The transaction was rolled back because another one stood in its way (a deadlock, say): done again, it may succeed. */
export class TransactionConflictError extends TidemarkError {
  readonly code = 'transaction-conflict';
}
