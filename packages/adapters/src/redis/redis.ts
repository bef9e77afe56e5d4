import { ConfigurationError, type Health, type NodeStore, type SnapshotStore } from '@tidemark/core';
import type { CachedLog, LiveLayer } from '../sql/live-layer.js';
import { Connection } from './connection.js';
import { noCounts, type RedisCounters } from './counters.js';
import { Heartbeats } from './heartbeats.js';
import { redisSettings, type RedisOptions, type RedisSettings } from './redis-options.js';
import { RedisRelay } from './redis-relay.js';
import { SnapshotCache } from './snapshot-cache.js';
import { blockMs } from './tail-reader.js';

/** Redis, for one backend. */
export interface RedisLayer extends LiveLayer {
  /** What it has done since it was made. */
  counters(): RedisCounters;
}

class RedisLiveLayer implements RedisLayer {
  readonly relay: RedisRelay;
  readonly #server: string;
  readonly #commands: Connection;
  readonly #reading: Connection;
  readonly #counters = noCounts();
  readonly #heartbeats = new Set<Heartbeats>();
  #isOpen = false;

  constructor(settings: RedisSettings) {
    const { server, commandTimeoutMs, secrets, keyPrefix, tailLength } = settings;
    const counters = this.#counters;
    this.#server = server;
    this.#commands = new Connection({ client: () => settings.client(commandTimeoutMs), counters, secrets });
    this.#reading = new Connection({
      client: () => settings.client(blockMs + commandTimeoutMs),
      counters,
      secrets,
    });
    this.relay = new RedisRelay({
      keyPrefix,
      tailLength,
      commands: this.#commands,
      reading: this.#reading,
      counters,
      health: () => this.health(),
    });
  }

  snapshots(inner: SnapshotStore, log: CachedLog): SnapshotStore {
    return new SnapshotCache({
      inner,
      log,
      connection: this.#commands,
      keys: () => this.relay.keys,
      counters: this.#counters,
    });
  }

  nodes(inner: NodeStore): NodeStore {
    const heartbeats = new Heartbeats({ inner, connection: this.#commands, keys: () => this.relay.keys });
    this.#heartbeats.add(heartbeats);
    return heartbeats;
  }

  counters(): RedisCounters {
    return { ...this.#counters };
  }

  health(): Health {
    const troubles = [...new Set([...this.#commands.troubles, ...this.#reading.troubles])];
    return {
      status: troubles.length === 0 ? 'up' : 'degraded',
      reasons: troubles.map(
        (trouble) =>
          `Redis at ${this.#server} does not serve: ${trouble}. Until it does, PostgreSQL is asked more often.`,
      ),
    };
  }

  open(): void {
    if (this.#isOpen) {
      throw new ConfigurationError(
        'One redis() serves one backend, and another backend has this one open: make one for each.',
      );
    }
    this.#isOpen = true;
    this.#commands.open();
    this.#reading.open();
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    for (const heartbeats of this.#heartbeats) heartbeats.stop();
    await this.relay.stop();
    this.#commands.close();
    this.#reading.close();
    this.#isOpen = false;
  }
}

/**
 * Redis, to be given to `postgres()`: the newest events and wake-ups go from process to process by it, so that many processes
 * that follow the log ask PostgreSQL little more often than one; snapshots that were read are kept in it for ten minutes; and
 * nodes that are gone are noticed within two seconds.
 *
 * Nothing depends on it. It may be missing at the start, die, be emptied, hang, or come back with old data, at any time:
 * `health()` then says `degraded` and why, and everything goes on from PostgreSQL, a little later or slower. It connects again
 * by itself. It needs no persistence; give it a `maxmemory` with the policy `volatile-lru` or `allkeys-lru`, since all keys
 * expire.
 *
 * Redis 5 or newer, or Valkey. A backend has two connections to it, one of which is blocked nearly always.
 *
 * Keys are `<keyPrefix>:{<log>}:…`, where `<log>` is a hash that tells one log from every other: `tail` (the newest events,
 * as a stream whose ids are their positions), `wake-ups`, `leader`, `nodes`, and `snapshot:<stream>`. The braces keep the
 * keys of one log on one node of a cluster. A user with these rights is enough (no channels are used):
 *
 * ```
 * ACL SETUSER tidemark on >password resetkeys ~tidemark:* resetchannels -@all
 *   +xadd +xread +xrevrange +get +set +del +pexpire +eval +info +time +hset +hdel +hgetall +select +client|setname
 * ```
 *
 * @param options or the connection string alone: `redis://user:password@host:6379/0`, `rediss://…` for TLS
 * @throws {ConfigurationError} neither or both of `connectionString` and `client` are given, the string is none, or an option
 *   is out of range
 *
 * @example
 * ```ts
 * const backend = postgres({
 *   connectionString: process.env.DATABASE_URL,
 *   redis: redis(process.env.REDIS_URL),
 * });
 * ```
 */
export const redis = (options: string | RedisOptions): RedisLayer =>
  new RedisLiveLayer(redisSettings(typeof options === 'string' ? { connectionString: options } : options));
