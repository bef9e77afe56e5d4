import { jsonCodec } from '@tidemark/core';
import type {
  CheckpointStore,
  Clock,
  Codec,
  DeadLetterStore,
  DocumentStore,
  EventStore,
  LeaseStore,
  NodeStore,
  SnapshotStore,
  TimerStore,
  Transaction,
} from '@tidemark/core';
import type { ArchiveOptions, ArchiveProgress } from '../sql/archive/archive-options.js';
import type { SqlBackend } from '../sql/archive/sql-backend.js';
import { migrate } from '../sql/migrate.js';
import { SchemaNames } from '../sql/schema-names.js';
import { SqlPorts } from '../sql/sql-ports.js';
import type { FolderLock } from './folder-lock.js';
import { openDatabase } from './open-database.js';
import { PgliteDriver } from './pglite-driver.js';

/** Options of {@link pglite}. */
export interface PgliteOptions {
  /** Where the data lies; made if it is missing. Default: in memory, gone when the backend is closed. */
  readonly folder?: string | undefined;
  /** The schema that all tables are in. Default: `tidemark`. */
  readonly schema?: string | undefined;
  /** How data becomes text and back. Default: {@link jsonCodec}. What it writes must be JSON. */
  readonly codec?: Codec | undefined;
  /** Gives the time for `recordedAt`, `maxAge`, timers, leases, dead letters and nodes, for tests. Default: the database's own. */
  readonly clock?: Clock | undefined;
}

/**
 * Longer than for a server: all who append are in this process and wake the subscriptions themselves, so that polling is
 * only for what nobody thought of.
 */
const pollMs = 5_000;

class PgliteBackend implements SqlBackend {
  readonly name = 'pglite';
  readonly sql = true;
  readonly events: EventStore;
  readonly checkpoints: CheckpointStore;
  readonly snapshots: SnapshotStore;
  readonly documents: DocumentStore;
  readonly timers: TimerStore;
  readonly leases: LeaseStore;
  readonly deadLetters: DeadLetterStore;
  readonly nodes: NodeStore;
  readonly #folder: string | undefined;
  readonly #names: SchemaNames;
  readonly #driver = new PgliteDriver();
  readonly #ports: SqlPorts;
  #lock: FolderLock | undefined;
  /** The last of opening and closing, which happen one after the other. */
  #change: Promise<void> = Promise.resolve();
  #isOpen = false;

  constructor({ folder, schema = 'tidemark', codec = jsonCodec, clock }: PgliteOptions) {
    this.#folder = folder;
    this.#names = new SchemaNames(schema);
    this.#ports = new SqlPorts(this.#driver, {
      names: this.#names,
      codec,
      clock,
      pollMs,
      // PGlite has no autovacuum.
      vacuums: true,
      capabilities: {
        multiStreamAppend: true,
        transactionalAppend: true,
        durable: folder !== undefined,
        shared: false,
      },
    });
    ({
      events: this.events,
      checkpoints: this.checkpoints,
      snapshots: this.snapshots,
      documents: this.documents,
      timers: this.timers,
      leases: this.leases,
      deadLetters: this.deadLetters,
      nodes: this.nodes,
    } = this.#ports);
  }

  transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    return this.#ports.transaction(work);
  }

  archive(options: ArchiveOptions): Promise<ArchiveProgress> {
    return this.#ports.archive.run(options);
  }

  open(): Promise<void> {
    return this.#after(async () => {
      if (this.#isOpen) return;
      const { database, lock } = await openDatabase(this.#folder);
      this.#lock = lock;
      this.#driver.attach(database);
      try {
        await migrate(this.#driver, this.#names);
        await this.#ports.events.open();
        this.#isOpen = true;
      } catch (error) {
        await this.#letGo();
        throw error;
      }
    });
  }

  close(): Promise<void> {
    return this.#after(async () => {
      if (!this.#isOpen) return;
      this.#isOpen = false;
      await this.#ports.events.close();
      await this.#letGo();
    });
  }

  async #letGo(): Promise<void> {
    try {
      await this.#driver.close();
    } finally {
      await this.#lock?.release();
      this.#lock = undefined;
    }
  }

  #after(work: () => Promise<void>): Promise<void> {
    const done = this.#change.then(work);
    this.#change = done.catch(() => undefined);
    return done;
  }
}

/**
 * A backend on PGlite: PostgreSQL in this process, in a folder or in memory, with nothing to install or to start. Every port,
 * SQL in transactions, and the same tables as on a PostgreSQL server.
 *
 * A folder belongs to one process at a time. What was acknowledged survives the death of the process; of a sudden loss of
 * power the operating system decides, since PGlite does not force its files to the disk. In memory, everything is gone when
 * the backend is closed.
 *
 * @throws {ConfigurationError} the schema's name cannot be one
 *
 * @example
 * ```ts
 * const app = createApp({ backend: pglite({ folder: './data' }), register: [Order] });
 * await app.start();
 * ```
 */
export const pglite = (options: PgliteOptions = {}): SqlBackend => new PgliteBackend(options);
