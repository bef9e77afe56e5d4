import {
  combineHealth,
  ConfigurationError,
  type Backend,
  type Health,
  type PersistentSubscriptions,
  type Transaction,
} from '@tidemark/core';
import { Connection } from './connection.js';
import { EventStoreDbEventStore } from './event-store.js';
import type { EventStoreDbOptions } from './options.js';
import { StateTransaction } from './state-transaction.js';

class EventStoreDbBackend implements Backend {
  readonly name = 'eventstoredb';
  readonly sql: boolean;
  readonly events: EventStoreDbEventStore;
  readonly checkpoints: Backend['checkpoints'];
  readonly snapshots: Backend['snapshots'];
  readonly documents: Backend['documents'];
  readonly timers: Backend['timers'];
  readonly leases: Backend['leases'];
  readonly deadLetters: Backend['deadLetters'];
  readonly nodes: Backend['nodes'];
  readonly persistentSubscriptions: PersistentSubscriptions;
  readonly #connection: Connection;
  readonly #state: Backend;
  /** The last of opening and closing, which happen one after the other. */
  #change: Promise<void> = Promise.resolve();
  #isOpen = false;

  constructor(options: EventStoreDbOptions) {
    const { state, maxAppendBytes } = options;
    if (maxAppendBytes !== undefined && (!Number.isSafeInteger(maxAppendBytes) || maxAppendBytes < 1)) {
      throw new ConfigurationError('eventStoreDb: maxAppendBytes must be a whole number of bytes from 1.');
    }
    this.#connection = new Connection(options);
    this.#state = state;
    this.events = new EventStoreDbEventStore(this.#connection, options);
    this.persistentSubscriptions = this.events.groups;
    this.sql = state.sql;
    this.checkpoints = state.checkpoints;
    this.snapshots = state.snapshots;
    this.documents = state.documents;
    this.timers = state.timers;
    this.leases = state.leases;
    this.deadLetters = state.deadLetters;
    this.nodes = state.nodes;
  }

  transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    return this.#state.transaction((tx) => work(new StateTransaction(tx)));
  }

  health(): Health {
    const state = this.#state.health?.();
    return combineHealth([this.#connection.health(), ...(state === undefined ? [] : [state])]);
  }

  open(): Promise<void> {
    return this.#after(async () => {
      if (this.#isOpen) return;
      await this.#state.open();
      try {
        await this.#connection.open();
        // Proves that the server is there, takes the credentials, and lets the whole log be read.
        await this.events.head();
        this.#isOpen = true;
      } catch (error) {
        await this.#connection.close();
        await this.#state.close();
        throw error;
      }
    });
  }

  close(): Promise<void> {
    return this.#after(async () => {
      if (!this.#isOpen) return;
      this.#isOpen = false;
      await this.events.endSubscriptions();
      await this.#connection.close();
      await this.#state.close();
    });
  }

  #after(work: () => Promise<void>): Promise<void> {
    const done = this.#change.then(work);
    this.#change = done.catch(() => undefined);
    return done;
  }
}

/**
 * A backend whose events are in EventStoreDB (20.6 or later; 22 or later for all that is here) and whose everything else is in
 * `state`.
 *
 * - Positions are commit positions of the server. Prefixes of streams, or types, are filtered by the server; what else a filter
 *   says is filtered here. Events of the system (`$…`) are left out.
 * - There are no appends to several streams, and none in transactions: `transaction` is one of the state. What needs more
 *   (inline projections, say) fails when the application starts.
 * - Ids are recognised exactly, as everywhere in Tidemark: the server's own recognition forgets, so a stream is looked at before
 *   events with given ids are appended, and read once per process. Aggregates have short streams; mind it with long ones.
 * - Metadata keeps `correlationId` and `causationId` under `$correlationId` and `$causationId`, as EventStoreDB's projections
 *   and consumer strategies expect them; the keys `$schemaVersion` and `$append` are the backend's own.
 * - A soft delete truncates the stream and marks it in its metadata, so that its settings outlive it; for every other program it
 *   is an empty stream. Streams that other programs have soft-deleted are taken as such.
 * - The user must be allowed to read `$all`, and to write the metadata of streams where settings and deletions are used.
 *
 * @throws {ConfigurationError} no connection string and no client, or one that cannot be used
 *
 * @example
 * ```ts
 * const backend = eventStoreDb({
 *   connectionString: 'esdb://admin:changeit@localhost:2113?tls=true',
 *   state: pglite({ folder: './state' }),
 * });
 * ```
 */
export const eventStoreDb = (options: EventStoreDbOptions): Backend => new EventStoreDbBackend(options);
