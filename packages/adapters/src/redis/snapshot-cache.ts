import { randomUUID } from 'node:crypto';
import type { Snapshot, SnapshotStore } from '@tidemark/core';
import type { CachedLog } from '../sql/live-layer.js';
import type { Connection } from './connection.js';
import type { Counters } from './counters.js';
import type { LogKeys } from './log-keys.js';
import { thisRun } from './this-run.js';

/** How long a snapshot is kept, in milliseconds. */
const keptMs = 600_000;

/** How long one may take to fill in what was missing, in milliseconds. */
const fillMs = 60_000;

/** A snapshot with more characters is not kept. */
const longest = 1_000_000;

/** How long the log's identity counts as known, in milliseconds. */
const identityMs = 500;

/*
 * A value is the id of the server's run, a colon, and then one of: `s` and a snapshot; `n`, for there is none; `f` and the
 * token of who is about to fill it in.
 *
 * Who finds nothing leaves a token, asks PostgreSQL, and fills in the answer only if the token is still there. Whatever changed
 * the snapshot meanwhile has removed it: an old answer never lands on a new one. (The leases of Nishtala et al., "Scaling
 * Memcache at Facebook", NSDI 2013.) What an earlier run of the server has left in a dump counts as nothing.
 */
const look = `${thisRun}
local prefix = run .. ':'
local value = redis.call('GET', KEYS[1])
if value and string.sub(value, 1, #prefix) == prefix then return string.sub(value, #prefix + 1) end
redis.call('SET', KEYS[1], prefix .. 'f' .. ARGV[1], 'PX', ARGV[2])
return false`;

const fill = `${thisRun}
if redis.call('GET', KEYS[1]) ~= run .. ':f' .. ARGV[1] then return 0 end
redis.call('SET', KEYS[1], run .. ':' .. ARGV[2], 'PX', ARGV[3])
return 1`;

/** Options of {@link SnapshotCache}. */
export interface SnapshotCacheOptions {
  readonly inner: SnapshotStore;
  readonly log: CachedLog;
  readonly connection: Connection;
  /** The keys of the log as it is known now; `undefined` while it is not. */
  readonly keys: () => LogKeys | undefined;
  readonly counters: Counters;
}

/**
 * Keeps in Redis what was read. Every change is made in PostgreSQL first and then forgotten in Redis.
 *
 * A saved snapshot that Redis could not be told of is met later by an older one, which is as true. A deleted one must not be
 * met again: then the log gets another identity, and with it everything in the cache another key.
 */
export class SnapshotCache implements SnapshotStore {
  readonly #options: SnapshotCacheOptions;
  #checked = Number.NEGATIVE_INFINITY;
  #checking: Promise<unknown> | undefined;

  constructor(options: SnapshotCacheOptions) {
    this.#options = options;
  }

  async load(stream: string): Promise<Snapshot | undefined> {
    const { inner, connection } = this.#options;
    if (!connection.ready) return inner.load(stream);
    await this.#checkLog();
    const key = this.#keyOf(stream);
    if (key === undefined) return inner.load(stream);
    const token = randomUUID();
    const found = await connection.attempt('snapshots', (redis) =>
      redis.call('EVAL', [look, 1, key, token, fillMs]),
    );
    const kept = typeof found?.result === 'string' ? this.#read(stream, found.result) : undefined;
    this.#options.counters[kept === undefined ? 'snapshotMisses' : 'snapshotHits'] += 1;
    if (kept !== undefined) return kept.snapshot;
    const snapshot = await inner.load(stream);
    if (found?.result === null) void this.#fill(key, token, snapshot);
    return snapshot;
  }

  async save(snapshot: Snapshot): Promise<void> {
    await this.#options.inner.save(snapshot);
    await this.#forget(snapshot.stream);
  }

  async delete(stream: string): Promise<void> {
    await this.#options.inner.delete(stream);
    if (!(await this.#forget(stream))) await this.#options.log.renewIdentity();
  }

  /** @returns false if Redis may still have it */
  async #forget(stream: string): Promise<boolean> {
    const key = this.#keyOf(stream);
    if (key === undefined) return false;
    const forgotten = await this.#options.connection.attempt('snapshots', (redis) =>
      redis.call('DEL', [key]),
    );
    return forgotten !== undefined;
  }

  async #fill(key: string, token: string, snapshot: Snapshot | undefined): Promise<void> {
    const { connection, log } = this.#options;
    const text =
      snapshot === undefined
        ? 'n'
        : `s${snapshot.version} ${snapshot.schemaVersion} ${log.codec.encode(snapshot.state, 'state')}`;
    if (text.length > longest) return;
    await connection.attempt('snapshots', (redis) => redis.call('EVAL', [fill, 1, key, token, text, keptMs]));
  }

  #read(stream: string, text: string): { readonly snapshot: Snapshot | undefined } | undefined {
    if (text === 'n') return { snapshot: undefined };
    const [, version, schemaVersion, state] = /^s(\d+) (\d+) ([^]*)$/.exec(text) ?? [];
    if (state === undefined) return undefined;
    return {
      snapshot: {
        stream,
        version: Number(version),
        schemaVersion: Number(schemaVersion),
        state: this.#options.log.codec.decode(state),
      },
    };
  }

  /** Where nobody subscribes, nobody else looks whether the log has another identity by now. */
  async #checkLog(): Promise<void> {
    if (performance.now() < this.#checked + identityMs) return;
    const asked = performance.now();
    this.#checking ??= this.#options.log.checkIdentity().finally(() => (this.#checking = undefined));
    await this.#checking;
    this.#checked = asked;
  }

  #keyOf(stream: string): string | undefined {
    const keys = this.#options.keys();
    return keys === undefined ? undefined : keys.snapshots + stream;
  }
}
