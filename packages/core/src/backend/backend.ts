import type { Health } from '../app/health.js';
import type { EventStore } from '../log/event-store.js';
import type { CheckpointStore } from './checkpoints.js';
import type { DeadLetterStore } from './dead-letters.js';
import type { DocumentStore } from './documents.js';
import type { LeaseStore } from './leases.js';
import type { NodeStore } from './nodes.js';
import type { PersistentSubscriptions } from './persistent-subscriptions.js';
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
  readonly leases: LeaseStore;
  readonly deadLetters: DeadLetterStore;
  readonly nodes: NodeStore;
  /** Groups of competing consumers that the server manages. Left out by a store that has none. */
  readonly persistentSubscriptions?: PersistentSubscriptions | undefined;

  /** True where transactions offer SQL: {@link Transaction.query}. */
  readonly sql: boolean;

  /**
   * Runs `work` in one transaction: what it does through `tx` happens wholly or not at all. It commits when `work`
   * resolves and rolls back when it rejects. Inside it only `tx` may be used; the backend's own ports wait for its end.
   *
   * @throws whatever `work` throws
   */
  transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result>;

  /**
   * How well it works, from what it knows already: it asks nobody. `down`: calls fail, or would. Left out where nothing can
   * be away, and `up` before it is opened and after it is closed.
   */
  health?(): Health;

  /** Opens what must be open, and migrates. Idempotent; called by the application's start. */
  open(): Promise<void>;

  /** Closes what was opened; open subscriptions end. Idempotent. */
  close(): Promise<void>;
}
