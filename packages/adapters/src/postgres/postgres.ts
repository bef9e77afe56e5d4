import { combineHealth, ConfigurationError, jsonCodec } from '@tidemark/core';
import type {
  CheckpointStore,
  DeadLetterStore,
  DocumentStore,
  EventStore,
  Health,
  LeaseStore,
  NodeStore,
  SnapshotStore,
  TimerStore,
  Transaction,
} from '@tidemark/core';
import type { Pool } from 'pg';
import type { ArchiveOptions, ArchiveProgress } from '../sql/archive/archive-options.js';
import { placeArchive } from '../sql/archive/archive-tablespace.js';
import type { SqlBackend } from '../sql/archive/sql-backend.js';
import type { LiveLayer } from '../sql/live-layer.js';
import { checkMigrated, migrate } from '../sql/migrate.js';
import { SchemaNames } from '../sql/schema-names.js';
import type { Relay } from '../sql/events/relay.js';
import { SqlPorts } from '../sql/sql-ports.js';
import { checkServer, poolerRefused } from './check-server.js';
import { Connections } from './connections.js';
import { ConnectionRefusedError } from './outage.js';
import { PostgresDriver } from './postgres-driver.js';
import { connectionSettings, type ConnectionSettings, type PostgresOptions } from './postgres-options.js';
import { PostgresSession, type PostgresSessionOptions } from './session.js';
import { WakeUpChannel } from './wake-up-channel.js';

/** How many calls of coalesced appends are on their way at the same time. */
const lanes = 3;

/** How long to wait for an answer that the server itself would have cut off before, in milliseconds. */
const answerGraceMs = 5_000;

class PostgresBackend implements SqlBackend {
  readonly name = 'postgres';
  readonly sql = true;
  readonly events: EventStore;
  readonly checkpoints: CheckpointStore;
  readonly snapshots: SnapshotStore;
  readonly documents: DocumentStore;
  readonly timers: TimerStore;
  readonly leases: LeaseStore;
  readonly deadLetters: DeadLetterStore;
  readonly nodes: NodeStore;
  readonly #names: SchemaNames;
  readonly #settings: ConnectionSettings;
  readonly #session: PostgresSessionOptions;
  readonly #driver: PostgresDriver;
  readonly #ports: SqlPorts;
  readonly #connectTimeoutMs: number;
  readonly #autoMigrate: boolean;
  readonly #transactionPooler: boolean;
  readonly #archiveTablespace: string | undefined;
  readonly #live: LiveLayer | undefined;
  readonly #relay: Relay | undefined;
  /** The live layer, once it was opened by this backend. */
  #opened: LiveLayer | undefined;
  #pool: Pool | undefined;
  #connections: Connections | undefined;
  /** A connection that breaks while nobody uses it leaves the pool; whoever needs one gets another, if the server is there. */
  readonly #broken = (): void => this.#connections?.probe();
  /** The last of opening and closing, which happen one after the other. */
  #change: Promise<void> = Promise.resolve();

  constructor(options: PostgresOptions) {
    const {
      schema = 'tidemark',
      codec = jsonCodec,
      clock,
      pollMs = 500,
      statementTimeoutMs = 30_000,
    } = options;
    const { connectTimeoutMs = 10_000, autoMigrate = true, transactionPooler = false } = options;
    this.#names = new SchemaNames(schema);
    this.#settings = connectionSettings(options);
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#autoMigrate = autoMigrate;
    this.#transactionPooler = transactionPooler;
    this.#archiveTablespace = options.archiveTablespace;
    this.#live = options.redis;
    this.#relay =
      this.#live?.relay ??
      (transactionPooler
        ? undefined
        : new WakeUpChannel({ client: this.#settings.client, schema: this.#names.name }));
    this.#session = {
      server: this.#settings.server,
      answerTimeoutMs: statementTimeoutMs === 0 ? 0 : statementTimeoutMs + answerGraceMs,
      prepares: !transactionPooler,
    };
    this.#driver = new PostgresDriver(this.#session);
    this.#ports = new SqlPorts(this.#driver, {
      names: this.#names,
      codec,
      clock,
      pollMs,
      capabilities: { multiStreamAppend: true, transactionalAppend: true, durable: true, shared: true },
      relay: this.#relay,
      lanes,
      readsAhead: true,
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
    if (this.#live === undefined) return;
    const { events } = this.#ports;
    this.snapshots = this.#live.snapshots(this.snapshots, {
      codec,
      checkIdentity: () => events.checkIdentity(),
      renewIdentity: () => events.renewIdentity(),
    });
    this.nodes = this.#live.nodes(this.nodes);
  }

  transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    return this.#ports.transaction(work);
  }

  archive(options: ArchiveOptions): Promise<ArchiveProgress> {
    return this.#ports.archive.run(options);
  }

  health(): Health {
    if (this.#connections === undefined) return { status: 'up', reasons: [] };
    const server = this.#connections.health();
    return combineHealth([
      server,
      // What is told of the server says it all.
      ...(server.status === 'up' ? [this.#ports.events.health()] : []),
      ...(this.#relay === undefined ? [] : [this.#relay.health()]),
    ]);
  }

  open(): Promise<void> {
    return this.#after(async () => {
      if (this.#pool !== undefined) return;
      const pool = this.#settings.pool();
      pool.on('error', this.#broken);
      this.#pool = pool;
      const connections = new Connections({
        pool,
        server: this.#settings.server,
        connectTimeoutMs: this.#connectTimeoutMs,
      });
      try {
        await this.#check(connections);
        this.#driver.attach(connections);
        this.#connections = connections;
        await (this.#autoMigrate ? migrate : checkMigrated)(this.#driver, this.#names);
        await placeArchive(this.#driver, this.#names, this.#archiveTablespace, this.#autoMigrate);
        this.#live?.open();
        this.#opened = this.#live;
        await this.#ports.events.open();
      } catch (error) {
        await this.#letGo();
        throw error;
      }
    });
  }

  close(): Promise<void> {
    return this.#after(async () => {
      if (this.#pool === undefined) return;
      await this.#ports.events.close();
      await this.#letGo();
    });
  }

  async #check(connections: Connections): Promise<void> {
    try {
      const client = await connections.acquire();
      try {
        await checkServer(client, new PostgresSession(client, this.#session), this.#transactionPooler);
      } finally {
        connections.release(client);
      }
    } catch (error) {
      if (!(error instanceof ConnectionRefusedError)) throw error;
      const pooler = error.message.includes('unsupported startup parameter') ? ` ${poolerRefused}` : '';
      throw new ConfigurationError(error.message + pooler, { cause: error });
    }
  }

  async #letGo(): Promise<void> {
    this.#driver.detach();
    this.#connections = undefined;
    const live = this.#opened;
    this.#opened = undefined;
    await live?.close();
    const pool = this.#pool;
    this.#pool = undefined;
    // Lets what is under way end.
    if (this.#settings.ownsPool) await pool?.end();
    if (!this.#settings.ownsPool) pool?.off('error', this.#broken);
  }

  #after(work: () => Promise<void>): Promise<void> {
    const done = this.#change.then(work);
    this.#change = done.catch(() => undefined);
    return done;
  }
}

/**
 * A backend on a PostgreSQL server, version 14 or newer. Every port, SQL in transactions, any number of processes at once.
 *
 * Outages are for whoever calls to see and for nobody else: a call waits for a connection for a while and then fails with
 * `StoreUnavailableError`; connections that broke are replaced; subscriptions and the runtime go on by themselves.
 *
 * @throws {ConfigurationError} neither or both of `connectionString` and `pool` are given, or the schema's name cannot be one
 *
 * @example
 * ```ts
 * const backend = postgres({ connectionString: process.env.DATABASE_URL });
 * const app = createApp({ backend, register: [Order] });
 * await app.start();
 * ```
 */
export const postgres = (options: PostgresOptions): SqlBackend => new PostgresBackend(options);
