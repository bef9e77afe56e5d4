import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from 'pg';
import { backoffMs } from './backoff.js';

/** Shortest time from one notification to the next, in milliseconds: one wakes for all that came meanwhile. */
const gapMs = 2;

/** Options of {@link WakeUpChannel}. */
export interface WakeUpChannelOptions {
  /** Makes a client that was not connected yet. */
  readonly client: () => Client;
  readonly schema: string;
  /** Called when another process has appended, and when that may have gone unheard. */
  readonly onWake: () => void;
}

/**
 * Tells other processes that there may be more in the log, and hears it from them, by NOTIFY and LISTEN on one connection of
 * its own.
 *
 * The notification is a transaction of its own behind the commit, never a part of the append: NOTIFY takes a lock on the whole
 * cluster through commit, and appends would go one after the other. Many at a time become one. None of this is needed for
 * anything but speed: what is lost here is found by polling.
 */
export class WakeUpChannel {
  readonly #options: WakeUpChannelOptions;
  readonly #channel: string;
  readonly #self = randomUUID();
  readonly #stopped = new AbortController();
  #client: Client | undefined;
  #due = false;
  #sending = false;
  #keeping: Promise<void> | undefined;

  constructor(options: WakeUpChannelOptions) {
    this.#options = options;
    // A channel's name is cut off at 63 bytes, and a schema's may be as long.
    this.#channel = `tidemark_${createHash('sha256').update(options.schema).digest('hex').slice(0, 32)}`;
  }

  /** Keeps a connection from now on. */
  start(): void {
    this.#keeping ??= this.#keep();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#end?.();
    await this.#keeping;
  }

  /** Tells the others, soon. */
  announce(): void {
    this.#due = true;
    if (!this.#sending && this.#client !== undefined) void this.#send();
  }

  /** Ends the wait for the present connection's end. */
  #end: (() => void) | undefined;

  async #keep(): Promise<void> {
    for (let attempt = 0; !this.#stopped.signal.aborted; attempt++) {
      const client = this.#options.client();
      const ended = new Promise<void>((resolve) => {
        this.#end = resolve;
        client.on('error', () => resolve());
        client.on('end', () => resolve());
      });
      client.on('notification', ({ payload }) => {
        if (payload !== this.#self) this.#options.onWake();
      });
      try {
        await client.connect();
        await client.query(`LISTEN ${this.#channel}`);
        attempt = 0;
        this.#client = client;
        // What happened before was not heard.
        this.#options.onWake();
        if (this.#due) this.announce();
        if (!this.#stopped.signal.aborted) await ended;
      } catch {
        // Polling goes on; the next attempt may do.
      }
      this.#client = undefined;
      await client.end().catch(() => undefined);
      await wait(backoffMs(attempt), undefined, { signal: this.#stopped.signal }).catch(() => undefined);
    }
  }

  async #send(): Promise<void> {
    this.#sending = true;
    while (this.#due && this.#client !== undefined) {
      this.#due = false;
      try {
        await this.#client.query('SELECT pg_notify($1, $2)', [this.#channel, this.#self]);
      } catch {
        // The connection is lost: it is announced again on the next one.
        this.#due = true;
        break;
      }
      await wait(gapMs);
    }
    this.#sending = false;
  }
}
