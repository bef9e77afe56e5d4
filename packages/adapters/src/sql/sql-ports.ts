import { TransactionConflictError } from '@tidemark/core';
import type { Clock, Codec, LeaseStore, StoreCapabilities, Transaction } from '@tidemark/core';
import { SqlArchive } from './archive/archive.js';
import { SqlCheckpointStore } from './checkpoints.js';
import { Collections } from './documents/collections.js';
import { SqlDeadLetterStore } from './dead-letters/dead-letter-store.js';
import { SqlDocumentStore } from './documents/document-store.js';
import { SqlError, type SqlDriver } from './driver.js';
import { SqlEventStore } from './events/event-store.js';
import type { Relay } from './events/relay.js';
import { SqlLeaseStore } from './leases.js';
import { SqlNodeStore } from './nodes.js';
import type { SchemaNames } from './schema-names.js';
import { SqlSnapshotStore } from './snapshots.js';
import { SqlTimerStore } from './timers.js';
import { SqlTransaction, type TransactionParts } from './transaction.js';

/** Options of {@link SqlPorts}. */
export interface SqlPortsOptions {
  readonly names: SchemaNames;
  readonly codec: Codec;
  /** Gives the time in place of the database; for tests. */
  readonly clock?: Clock | undefined;
  readonly capabilities: StoreCapabilities;
  /** How long subscriptions wait at the head before they look again unasked, in milliseconds. */
  readonly pollMs: number;
  /** Carries wake-ups from process to process. Default: there are none but this process's own. */
  readonly relay?: Relay | undefined;
  /** How many calls of coalesced appends may be on their way at the same time. Default: 1. */
  readonly lanes?: number | undefined;
  /** Whether the next page of the log is read while one is used, on another connection. Default: false. */
  readonly readsAhead?: boolean | undefined;
  /** As in {@link SqlArchiveOptions}. */
  readonly vacuums?: boolean | undefined;
}

/** All ports of a backend over one driver. */
export class SqlPorts {
  readonly events: SqlEventStore;
  readonly checkpoints: SqlCheckpointStore;
  readonly snapshots: SqlSnapshotStore;
  readonly documents: SqlDocumentStore;
  readonly timers: SqlTimerStore;
  readonly leases: LeaseStore;
  readonly deadLetters: SqlDeadLetterStore;
  readonly nodes: SqlNodeStore;
  readonly archive: SqlArchive;
  readonly #driver: SqlDriver;
  readonly #parts: TransactionParts;

  constructor(
    driver: SqlDriver,
    { names, codec, clock, capabilities, pollMs, relay, lanes, readsAhead, vacuums }: SqlPortsOptions,
  ) {
    const collections = new Collections(names);
    this.#driver = driver;
    this.events = new SqlEventStore(driver, names, {
      capabilities,
      codec,
      clock,
      pollMs,
      relay,
      lanes,
      readsAhead,
    });
    this.checkpoints = new SqlCheckpointStore(driver, names);
    this.snapshots = new SqlSnapshotStore(driver, names, codec);
    this.documents = new SqlDocumentStore(
      driver,
      collections,
      codec,
      (work) => driver.transaction(work),
      true,
    );
    this.timers = new SqlTimerStore(driver, names, codec, clock);
    this.leases = new SqlLeaseStore(driver, names, clock);
    this.deadLetters = new SqlDeadLetterStore(driver, names, codec, clock, (work) =>
      driver.transaction(work),
    );
    this.nodes = new SqlNodeStore(driver, names, clock);
    this.archive = new SqlArchive(driver, names, { clock, vacuums, head: () => this.events.head() });
    this.#parts = { names, codec, clock, collections, functions: this.events.functions };
  }

  /** As {@link Backend.transaction}. */
  async transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    const { result, appended } = await this.#run(work);
    if (appended) this.events.announce();
    return result;
  }

  async #run<Result>(
    work: (tx: Transaction) => Promise<Result>,
  ): Promise<{ readonly result: Result; readonly appended: boolean }> {
    try {
      return await this.#driver.transaction(async (session) => {
        const tx = new SqlTransaction(session, this.#parts);
        try {
          return { result: await work(tx), appended: tx.appended };
        } finally {
          tx.end();
        }
      });
    } catch (error) {
      const conflict = conflictIn(error);
      if (conflict === undefined) throw error;
      throw new TransactionConflictError(
        `Another transaction stood in the way of this one, which was rolled back: ${conflict.message} (${conflict.sqlState}). ` +
          'Do it again.',
        { cause: error },
      );
    }
  }
}

/** The deadlock or serialization failure that an error comes from, also where the user's code wrapped it. */
const conflictIn = (error: unknown): SqlError | undefined => {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof SqlError && (cause.sqlState === '40P01' || cause.sqlState === '40001')) return cause;
  }
  return undefined;
};
