import { setTimeout as wait } from 'node:timers/promises';
import type { RelayListener } from '../sql/events/relay.js';
import type { Connection } from './connection.js';
import type { Counters } from './counters.js';
import type { LogKeys } from './log-keys.js';
import type { RedisClient } from './redis-options.js';
import { decodeEntry, stretchesOf } from './tail-entry.js';

/** How long one reading command waits for something new, in milliseconds. */
export const blockMs = 1_000;

/** Most entries of one answer. */
const most = 500;

/** How long to wait after an attempt that failed, in milliseconds. */
const pauseMs = 200;

/** Options of {@link TailReader}. */
export interface TailReaderOptions {
  /** A connection of its own: it is blocked nearly always. */
  readonly connection: Connection;
  readonly keys: LogKeys;
  /** Tells this process from all others. */
  readonly self: string;
  readonly counters: Counters;
  readonly listener: RelayListener;
  /** True while this process fills the tail, and need not read it. */
  readonly leads: () => boolean;
  /** True while another process fills it: its wake-ups are not needed then, since the events themselves come. */
  readonly follows: () => boolean;
}

/**
 * Reads the tail and the wake-ups, with one blocking command at a time.
 *
 * It begins behind what is there already: only what is written while it reads was read from the log as it is now. Each time it
 * has connected again, and each time something is missing, it wakes its listener, who then looks at PostgreSQL.
 */
export class TailReader {
  readonly #options: TailReaderOptions;
  readonly #stopped = new AbortController();
  /** The ids of the last entries seen; `undefined` before the first look. */
  #tailId: string | undefined;
  #wakeUpId: string | undefined;
  /** The last event heard of; `undefined` when it is not the last one of the tail that was read. */
  #reached: bigint | undefined;
  #works = false;
  #checked = 0;

  constructor(options: TailReaderOptions) {
    this.#options = options;
  }

  /** True while what is written to the tail arrives here. */
  get works(): boolean {
    return this.#works && this.#options.connection.ready;
  }

  start(): void {
    void this.#read();
  }

  /** From now on nothing is told to the listener. The command that waits ends by itself, or with its connection. */
  stop(): void {
    this.#stopped.abort();
  }

  async #read(): Promise<void> {
    const { connection, listener } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      if (!this.works) {
        await connection.untilReady(signal);
        this.#works = await this.#begin();
        // What happened before was not heard.
        if (this.#works && !signal.aborted) listener.wake();
      }
      this.#works &&= await this.#next();
      if (!this.#works) await wait(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Finds out where to begin. After an outage one goes on, so far as Redis still has what came meanwhile. */
  async #begin(): Promise<boolean> {
    const { connection, keys } = this.#options;
    const found = await connection.attempt('reading', (redis) => lastIds(redis, keys));
    if (found === undefined) return false;
    this.#tailId ??= found.result.tail;
    this.#wakeUpId = found.result.wakeUps;
    this.#checked = performance.now();
    return true;
  }

  async #next(): Promise<boolean> {
    const { connection, keys, leads } = this.#options;
    const [names, ids] = leads()
      ? [[keys.wakeUps], [this.#wakeUpId ?? none]]
      : [
          [keys.tail, keys.wakeUps],
          [this.#tailId ?? none, this.#wakeUpId ?? none],
        ];
    const answer = await connection.attempt('reading', (redis) =>
      redis.call('XREAD', ['COUNT', most, 'BLOCK', blockMs, 'STREAMS', ...names, ...ids]),
    );
    if (answer === undefined || this.#stopped.signal.aborted) return false;
    for (const [name, entries] of streamsOf(answer.result)) {
      if (name === keys.tail) this.#hearEvents(entries);
      else this.#hearWakeUps(entries);
    }
    return performance.now() < this.#checked + blockMs || this.#check();
  }

  #hearEvents(entries: readonly unknown[]): void {
    const { counters, listener } = this.#options;
    this.#tailId = idOf(entries.at(-1)) ?? this.#tailId;
    const events = entries.map(decodeEntry).filter((entry) => entry !== undefined);
    const stretches = stretchesOf(events);
    counters.received += events.length;
    let holes = entries.length - events.length;
    for (const stretch of stretches) {
      if (stretch.after !== this.#reached) holes += 1;
      this.#reached = stretch.upTo;
      listener.stretch(stretch);
    }
    counters.holes += holes;
    if (holes > 0) listener.wake();
  }

  #hearWakeUps(entries: readonly unknown[]): void {
    const { self, counters, listener, follows } = this.#options;
    this.#wakeUpId = idOf(entries.at(-1)) ?? this.#wakeUpId;
    if (entries.every((entry) => isFrom(entry, self))) return;
    counters.wakeUpsHeard += 1;
    if (!follows()) listener.wake();
  }

  /**
   * Where the stream was emptied, or is an older one, new ids may be below the last one seen, and nobody would ever hear them.
   * The ids of wake-ups are times of the server, whose clock can also go back.
   */
  async #check(): Promise<boolean> {
    const { connection, keys, listener, leads } = this.#options;
    const found = await connection.attempt('reading', (redis) => lastIds(redis, keys));
    if (found === undefined || this.#stopped.signal.aborted) return false;
    this.#checked = performance.now();
    const { tail, wakeUps } = found.result;
    const wentBack = timeOf(tail) < timeOf(this.#tailId ?? none);
    const unheard = wentBack || wakeUps !== this.#wakeUpId;
    // What this process has written itself need not be read when another one leads.
    if (wentBack || leads()) {
      this.#tailId = tail;
      this.#reached = undefined;
    }
    this.#wakeUpId = wakeUps;
    if (unheard) listener.wake();
    return true;
  }
}

const none = '0-0';

const idOf = (entry: unknown): string | undefined => {
  const [id]: unknown[] = Array.isArray(entry) ? entry : [];
  return typeof id === 'string' ? id : undefined;
};

/** The part of an id before the hyphen. */
const timeOf = (id: string): bigint => BigInt(id.split('-')[0] ?? 0);

const lastIds = async (
  redis: RedisClient,
  { tail, wakeUps }: LogKeys,
): Promise<{ readonly tail: string; readonly wakeUps: string }> => ({
  tail: lastId(await redis.call('XREVRANGE', [tail, '+', '-', 'COUNT', 1])),
  wakeUps: lastId(await redis.call('XREVRANGE', [wakeUps, '+', '-', 'COUNT', 1])),
});

const lastId = (entries: unknown): string => (Array.isArray(entries) ? (idOf(entries[0]) ?? none) : none);

const isFrom = (entry: unknown, self: string): boolean => {
  const [, fields]: unknown[] = Array.isArray(entry) ? entry : [];
  return Array.isArray(fields) && fields[1] === self;
};

/** `[[name, entries], …]`, as XREAD answers. */
const streamsOf = (answer: unknown): readonly (readonly [string, readonly unknown[]])[] =>
  (Array.isArray(answer) ? answer : []).flatMap((stream: unknown) => {
    const [name, entries]: unknown[] = Array.isArray(stream) ? stream : [];
    return typeof name === 'string' && Array.isArray(entries) ? [[name, entries] as const] : [];
  });
