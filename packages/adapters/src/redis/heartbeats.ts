import type { AnnouncedNode, NodeStore } from '@tidemark/core';
import type { Connection } from './connection.js';
import { keyTtlMs, type LogKeys } from './log-keys.js';
import { thisRun } from './this-run.js';

/** How often a node gives a sign of life, and how long it may be silent, in milliseconds. */
const beatMs = 400;
const silenceMs = 1_500;

const time = `local seconds, micros = unpack(redis.call('TIME'))
local now = seconds * 1000 + math.floor(micros / 1000)`;

const beat = `${thisRun}
${time}
redis.call('HSET', KEYS[1], ARGV[1], run .. ':' .. now)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;

/** Says which nodes have been heard in this run of the server, and are silent; forgets those of earlier runs. */
const silent = `${thisRun}
${time}
local beats = redis.call('HGETALL', KEYS[1])
local found = {}
for index = 1, #beats, 2 do
  local of, at = string.match(beats[index + 1], '^(%x+):(%d+)$')
  if of ~= run then redis.call('HDEL', KEYS[1], beats[index])
  elseif now - at > tonumber(ARGV[1]) then found[#found + 1] = beats[index] end
end
return found`;

/** Options of {@link Heartbeats}. */
export interface HeartbeatsOptions {
  readonly inner: NodeStore;
  readonly connection: Connection;
  /** The keys of the log as it is known now; `undefined` while it is not. */
  readonly keys: () => LogKeys | undefined;
}

/**
 * Notices that a node is gone before its time in PostgreSQL is over: each node gives a sign of life in Redis, more often than
 * it announces itself, and one that was heard there and has fallen silent is not listed.
 *
 * Only a silence counts, never a lack: a node that was not heard since Redis was emptied or started is listed as PostgreSQL
 * lists it. A node that is cut off from Redis alone is not listed by others meanwhile; what it holds leases on stays its own.
 */
export class Heartbeats implements NodeStore {
  readonly #options: HeartbeatsOptions;
  /** The nodes of this process, and until when they said they are alive, as of `performance.now()`. */
  readonly #own = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
  }

  async announce(node: AnnouncedNode, ttlMs: number): Promise<void> {
    const until = performance.now() + ttlMs;
    await this.#options.inner.announce(node, ttlMs);
    this.#own.set(node.id, until);
    await this.#beat(node.id);
    this.#timer ??= setInterval(() => this.#beatAll(), beatMs);
  }

  async withdraw(id: string): Promise<void> {
    this.#own.delete(id);
    await this.#options.inner.withdraw(id);
    const keys = this.#options.keys();
    if (keys === undefined) return;
    await this.#options.connection.attempt('nodes', (redis) => redis.call('HDEL', [keys.nodes, id]));
  }

  async list(): Promise<readonly AnnouncedNode[]> {
    const nodes = await this.#options.inner.list();
    const keys = this.#options.keys();
    if (keys === undefined) return nodes;
    const found = await this.#options.connection.attempt('nodes', (redis) =>
      redis.call('EVAL', [silent, 1, keys.nodes, silenceMs]),
    );
    const gone: readonly unknown[] = Array.isArray(found?.result) ? found.result : [];
    return nodes.filter(({ id }) => !gone.includes(id));
  }

  /** Gives no more signs. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#own.clear();
  }

  #beatAll(): void {
    for (const [id, until] of this.#own) {
      if (performance.now() < until) void this.#beat(id);
      else this.#own.delete(id);
    }
    if (this.#own.size === 0) this.stop();
  }

  async #beat(id: string): Promise<void> {
    const keys = this.#options.keys();
    if (keys === undefined) return;
    await this.#options.connection.attempt('nodes', (redis) =>
      redis.call('EVAL', [beat, 1, keys.nodes, id, keyTtlMs]),
    );
  }
}
