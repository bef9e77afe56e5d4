import type { ConnectionOptions } from 'node:tls';
import { ConfigurationError } from '@tidemark/core';
import type { Clock, Codec } from '@tidemark/core';
import { Client, Pool, type PoolConfig } from 'pg';
import type { LiveLayer } from '../sql/live-layer.js';
import { EndingClient } from './ending-client.js';

/** Options of {@link postgres}. */
export interface PostgresOptions {
  /**
   * Where the database is, e.g. `postgres://user:password@host:5432/database`: one address, which leads to the primary. Either
   * this or `pool` must be given.
   */
  readonly connectionString?: string | undefined;
  /**
   * A pool of your own; it is not closed with the backend. Its options decide on connections, timeouts and TLS; those below
   * that do so have no effect then.
   */
  readonly pool?: Pool | undefined;
  /** The schema that all tables are in. Default: `tidemark`. */
  readonly schema?: string | undefined;
  /**
   * Whether opening brings the schema to the newest version. If not, opening an older one fails; {@link migrationSql} gives
   * what is to be run then, by whoever owns the tables, and {@link grantSql} the rights of the application. Default: true.
   */
  readonly autoMigrate?: boolean | undefined;
  /**
   * The tablespace that the archive lies in, e.g. on cheaper disks; see {@link SqlBackend.archive}. Opening puts an empty
   * archive there, if `autoMigrate` is on; otherwise opening fails and says what to run. Default: wherever it is.
   */
  readonly archiveTablespace?: string | undefined;
  /** How data becomes text and back. Default: `jsonCodec`. What it writes must be JSON. */
  readonly codec?: Codec | undefined;
  /** Gives the time for `recordedAt`, `maxAge`, timers, leases, dead letters and nodes, for tests. Default: the database's own. */
  readonly clock?: Clock | undefined;
  /** TLS: true, or options as of `tls.connect()`. Default: as the connection string says. */
  readonly ssl?: boolean | ConnectionOptions | undefined;
  /** Most connections in the pool; one more listens for wake-ups. Default: 10. */
  readonly maxConnections?: number | undefined;
  /**
   * How long a call waits for a connection, that is for a free one or for a server that is away, before it fails with
   * `StoreUnavailableError`, in milliseconds. Default: 10,000.
   */
  readonly connectTimeoutMs?: number | undefined;
  /** How long one statement may take, in milliseconds; 0 for as long as it takes. Default: 30,000. */
  readonly statementTimeoutMs?: number | undefined;
  /**
   * How long a transaction may wait for its own process between two statements before the server ends it, in milliseconds;
   * 0 for as long as it takes. Readers see nothing of what others append behind an open transaction that has appended, so
   * one that hangs must end. Default: 60,000.
   */
  readonly idleInTransactionTimeoutMs?: number | undefined;
  /** How long subscriptions wait at the head before they look again unasked, in milliseconds. Default: 500. */
  readonly pollMs?: number | undefined;
  /**
   * True where connections go through a pooler that gives each transaction another connection of the server, such as
   * PgBouncer in transaction mode. Statements are then not prepared, timeouts are the pooler's matter, and there are no
   * wake-ups but polling, unless `redis` is given. Default: false; such a pooler is then refused.
   */
  readonly transactionPooler?: boolean | undefined;
  /**
   * Redis beside PostgreSQL, as `redis()` of `@tidemark/adapters/redis` makes it, one for each backend. It carries wake-ups and
   * the newest events in place of NOTIFY, so give it to every process that appends, and nothing depends on it. Default: none.
   */
  readonly redis?: LiveLayer | undefined;
}

/** What the connections of a backend have in common. */
export interface ConnectionSettings {
  /** The pool, made anew where it is ours. */
  readonly pool: () => Pool;
  /** True for a pool that is closed with the backend. */
  readonly ownsPool: boolean;
  /** A connection outside of the pool. */
  readonly client: () => Client;
  /** Where the server is, for errors: host, port and database; nothing that is secret. */
  readonly server: string;
}

/**
 * @throws {ConfigurationError} neither or both of `connectionString` and `pool` are given, or the string is none
 */
export const connectionSettings = (options: PostgresOptions): ConnectionSettings => {
  const { connectionString, pool } = options;
  if ((connectionString === undefined) === (pool === undefined)) {
    throw new ConfigurationError('postgres() needs either a connectionString or a pool.');
  }
  if (severalHosts.test(connectionString ?? '')) {
    throw new ConfigurationError(
      'The connectionString names several hosts, which pg cannot choose from: give one address that leads to the primary, such as ' +
        'that of a proxy or a name that is changed with a failover.',
    );
  }
  const config: PoolConfig = pool === undefined ? poolConfig(options) : pool.options;
  const { host, port, database = '' } = clientOf(config);
  return {
    pool: () => pool ?? new Pool({ ...config, Client: EndingClient }),
    ownsPool: pool === undefined,
    client: () => new EndingClient(config),
    server: `${host}:${port}/${database}`,
  };
};

/** As libpq takes them: `postgres://user:password@one:5432,two:5432/database`. */
const severalHosts = /^[a-z]+:\/\/(?:[^/?#]*@)?[^/?#@]*,/i;

/** The error of a connection string that is none holds the string, and with it the password: it is not passed on. */
const clientOf = (config: PoolConfig): Client => {
  try {
    return new Client(config);
  } catch {
    throw new ConfigurationError(
      'The connectionString is not one, or names a file that cannot be read: write ' +
        'postgres://user:password@host:port/database, with special characters of user and password percent-encoded.',
    );
  }
};

const poolConfig = ({
  connectionString,
  ssl,
  maxConnections = 10,
  connectTimeoutMs = 10_000,
  statementTimeoutMs = 30_000,
  idleInTransactionTimeoutMs = 60_000,
  transactionPooler = false,
}: PostgresOptions): PoolConfig => ({
  connectionString,
  max: maxConnections,
  connectionTimeoutMillis: connectTimeoutMs,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  fallback_application_name: 'tidemark',
  ...(ssl === undefined ? {} : { ssl }),
  ...(statementTimeoutMs === 0 ? {} : { query_timeout: statementTimeoutMs + answerGraceMs }),
  ...(transactionPooler
    ? {}
    : {
        statement_timeout: statementTimeoutMs,
        idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
      }),
});

/** How much longer than the server may take one waits for its answer, in milliseconds, until the connection counts as lost. */
const answerGraceMs = 5_000;
