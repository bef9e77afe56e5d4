import type { ConnectionOptions } from 'node:tls';
import { ConfigurationError } from '@tidemark/core';
import { Cluster, Redis, type RedisOptions as IoRedisOptions } from 'ioredis';

/** Options of {@link redis}. */
export interface RedisOptions {
  /**
   * Where Redis is: `redis://user:password@host:6379/0`, or `rediss://…` for TLS. User and password are percent-encoded.
   * Either this or `client` must be given.
   */
  readonly connectionString?: string | undefined;
  /**
   * A client of your own, `Redis` or `Cluster`, e.g. for Sentinel or a cluster. It is a pattern only: connections are made as
   * its own are (`duplicate()`), with timeouts and queues of ours; itself it is neither used nor closed.
   */
  readonly client?: Redis | Cluster | undefined;
  /** What all keys begin with. Default: `tidemark`. */
  readonly keyPrefix?: string | undefined;
  /** TLS: true, or options as of `tls.connect()`. Default: as the connection string says. */
  readonly tls?: boolean | ConnectionOptions | undefined;
  /** About how many of the newest events Redis keeps, from 1. Default: 10,000. */
  readonly tailLength?: number | undefined;
  /** How long a command may take before the connection counts as lost, in milliseconds, from 1. Default: 1,000. */
  readonly commandTimeoutMs?: number | undefined;
}

/** The part of ioredis's clients that is used, which `Redis` and `Cluster` have in common. */
export interface RedisClient {
  readonly status: string;
  connect(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
  call(command: string, args: (string | number)[]): Promise<unknown>;
  pipeline(commands: unknown[][]): { exec(): Promise<[error: Error | null, result: unknown][] | null> };
  on(event: string, listener: (argument: unknown) => void): unknown;
}

/** What the connections of a layer have in common. */
export interface RedisSettings {
  /** Where Redis is, for health; nothing that is secret. */
  readonly server: string;
  readonly keyPrefix: string;
  readonly tailLength: number;
  readonly commandTimeoutMs: number;
  /**
   * A client that does not connect before it is told to.
   *
   * @param timeoutMs how long it waits for an answer
   */
  client(timeoutMs: number): RedisClient;
  /** What must not be in any message. */
  readonly secrets: readonly string[];
}

/**
 * @throws {ConfigurationError} neither or both of `connectionString` and `client` are given, the string is none, or an option
 *   is out of range
 */
export const redisSettings = (options: RedisOptions): RedisSettings => {
  const { connectionString, client, keyPrefix = 'tidemark', tailLength = 10_000 } = options;
  const { commandTimeoutMs = 1_000 } = options;
  if (keyPrefix === '' || /[{}]/.test(keyPrefix)) {
    throw new ConfigurationError('The keyPrefix of redis() must not be empty, and must not contain braces.');
  }
  for (const [name, value] of Object.entries({ tailLength, commandTimeoutMs })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new ConfigurationError(`${name} of redis() must be a whole number from 1, not ${value}.`);
    }
  }
  const common = { keyPrefix, tailLength, commandTimeoutMs };
  if (connectionString !== undefined && client === undefined) {
    return { ...common, ...byUrl(connectionString, options) };
  }
  if (connectionString === undefined && client !== undefined) return { ...common, ...likeClient(client) };
  throw new ConfigurationError('redis() needs either a connectionString or a client.');
};

const byUrl = (
  connectionString: string,
  { tls }: RedisOptions,
): Pick<RedisSettings, 'server' | 'client' | 'secrets'> => {
  const url = URL.canParse(connectionString) ? new URL(connectionString) : undefined;
  const database = /^\/?(\d*)$/.exec(url?.pathname ?? '')?.[1];
  const user = decoded(url?.username ?? '');
  const password = decoded(url?.password ?? '');
  if (
    url === undefined ||
    !/^rediss?:$/.test(url.protocol) ||
    url.hostname === '' ||
    [database, user, password].includes(undefined)
  ) {
    // The string holds the password: it is not passed on.
    throw new ConfigurationError(
      'The connectionString of redis() is not one: write redis://user:password@host:6379/0, or rediss://… for TLS, with ' +
        'special characters of user and password percent-encoded.',
    );
  }
  const port = Number(url.port === '' ? 6379 : url.port);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const secure = tls ?? url.protocol === 'rediss:';
  const own: IoRedisOptions = {
    host,
    port,
    db: Number(database),
    ...(user === '' ? {} : { username: user }),
    ...(password === '' ? {} : { password }),
    ...(secure === false ? {} : { tls: { ...(secure === true ? {} : secure) } }),
  };
  return {
    server: `${url.hostname}:${port}`,
    secrets: [password ?? ''],
    client: (timeoutMs) => new Redis({ ...own, ...overrides(timeoutMs) }),
  };
};

const likeClient = (client: Redis | Cluster): Pick<RedisSettings, 'server' | 'client' | 'secrets'> => {
  if (client instanceof Cluster) {
    return {
      server: 'the cluster',
      secrets: [client.options.redisOptions?.password ?? ''],
      client(timeoutMs) {
        const { commandTimeout, connectTimeout, disableClientInfo, connectionName, protocol, replyMapping } =
          overrides(timeoutMs);
        return client.duplicate([], {
          lazyConnect: true,
          enableOfflineQueue: false,
          clusterRetryStrategy: pauseMs,
          keyPrefix: '',
          redisOptions: {
            ...client.options.redisOptions,
            commandTimeout,
            connectTimeout,
            disableClientInfo,
            connectionName,
            protocol,
            replyMapping,
          },
        });
      },
    };
  }
  const { host, port, path, password, sentinels } = client.options;
  return {
    server: path ?? (sentinels === undefined || sentinels === null ? `${host}:${port}` : 'the sentinels'),
    secrets: [password ?? ''],
    client: (timeoutMs) => client.duplicate(overrides(timeoutMs)),
  };
};

/**
 * Whatever cannot be sent now fails now: nothing piles up for a server that is away, and nothing old is sent to one that comes
 * back. There is no check of readiness, which needs a right of its own: while a server loads its data, commands fail, and
 * that is all the same here.
 */
const overrides = (timeoutMs: number) =>
  ({
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    retryStrategy: pauseMs,
    // After a failover the old primary answers as a replica.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    connectionName: 'tidemark',
    disableClientInfo: true,
    keyPrefix: '',
    // Its replies are the same in all versions of the server.
    protocol: 2,
    replyMapping: 'legacy',
  }) satisfies IoRedisOptions;

/** How long to wait before the n-th new attempt (from 1), in milliseconds, with a random part. */
const pauseMs = (attempt: number): number => {
  const longest = Math.min(50 * 2 ** Math.min(attempt - 1, 10), 1_000);
  return longest / 2 + (Math.random() * longest) / 2;
};

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
};
