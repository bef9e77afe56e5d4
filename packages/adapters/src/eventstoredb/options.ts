import type { Backend, Codec } from '@tidemark/core';
import type { EventStoreDbClient, EventStoreDbCredentials } from './client.js';

/** Options of {@link eventStoreDb}. Either `connectionString` or `client` must be given. */
export interface EventStoreDbOptions {
  /**
   * `esdb://user:password@host:2113?tls=true`, several hosts after commas, or `esdb+discover://…` to find the nodes of a
   * cluster. All settings of the client are made here: `tls`, `tlsCAFile`, `userCertFile`, `userKeyFile`, `nodePreference`,
   * `keepAliveInterval`, `defaultDeadline`, …
   */
  readonly connectionString?: string | undefined;
  /**
   * A client of your own, of `@eventstore/db-client` or `@kurrent/kurrentdb-client`. Closing it stays yours; its calls under
   * way are ended when the backend is closed.
   */
  readonly client?: EventStoreDbClient | undefined;
  /**
   * Where everything that is not an event lives: checkpoints, snapshots, documents, timers, leases, dead letters, nodes, and
   * transactions over them. Opened and closed with this backend. Its own event store is not used.
   */
  readonly state: Backend;
  /** The user for every call. Default: that of the connection string. Ignored by a server without TLS. */
  readonly credentials?: EventStoreDbCredentials | undefined;
  /**
   * True: events of a stream that are links come as what they lead to. False: as they are, with the type `$>`. In the whole
   * log links are left out, since what they lead to is there itself. Default: false.
   */
  readonly resolveLinks?: boolean | undefined;
  /**
   * Most bytes of data and metadata in one append: the server's `MaxAppendSize`. Larger ones are refused before they are sent.
   * Default: 1,048,576, as the server's.
   */
  readonly maxAppendBytes?: number | undefined;
  /**
   * How long a call that fails because the server is away is tried again, in milliseconds; then it fails with
   * StoreUnavailableError. Subscriptions try for ever. Default: 15,000.
   */
  readonly patienceMs?: number | undefined;
  /**
   * True: appends of many callers share one call of the server (its batch append). Faster under load, but the client keeps all
   * that are under way in one list for the whole process: an error of one connection fails those of every other. Leave it false
   * where one process has several clients. Default: false.
   */
  readonly batchAppend?: boolean | undefined;
  /**
   * Whether ids are looked for also among events that settings or a deletion hide from their stream and that this process does
   * not remember. The server has no index for them: the whole log is gone through, once per process and stream. Without it,
   * repetitions of appends from before a deletion are recognised as long as this process, or the server, remembers them.
   * Default: true.
   */
  readonly searchHidden?: boolean | undefined;
  /** Default: that of `@tidemark/core`, JSON. What another one writes must be JSON too. */
  readonly codec?: Codec | undefined;
}
