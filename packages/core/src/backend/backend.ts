import type { EventStore } from '../log/event-store.js';
import type { CheckpointStore } from './checkpoints.js';
import type { DocumentStore } from './documents.js';
import type { SnapshotStore } from './snapshots.js';
import type { TimerStore } from './timers.js';
import type { Transaction } from './transaction.js';

/**
 * The bundle of ports that an application runs on. `memory()`, `pglite({ folder })` and their kin make one;
 * application code never changes with it.
 */
export interface Backend {
  /** What it is, for messages and health: `memory`, `pglite`, … */
  readonly name: string;
  readonly events: EventStore;
  readonly checkpoints: CheckpointStore;
  readonly snapshots: SnapshotStore;
  readonly documents: DocumentStore;
  readonly timers: TimerStore;

  /** True where transactions offer SQL: {@link Transaction.query}. */
  readonly sql: boolean;

  /**
   * Runs `work` in one transaction: what it does through `tx` happens wholly or not at all. It commits when `work`
   * resolves and rolls back when it rejects. Inside it only `tx` may be used; the backend's own ports wait for its end.
   *
   * @throws whatever `work` throws
   */
  transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result>;

  /** Opens what must be open, and migrates. Idempotent; called by the application's start. */
  open(): Promise<void>;

  /** Closes what was opened; open subscriptions end. Idempotent. */
  close(): Promise<void>;
}
