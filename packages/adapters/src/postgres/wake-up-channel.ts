import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Health } from '@tidemark/core';
import type { Client } from 'pg';
import type { Relay, RelayListener } from '../sql/events/relay.js';
import { backoffMs } from './backoff.js';

/** Shortest time from one notification to the next, in milliseconds: one wakes for all that came meanwhile. */
const gapMs = 1;

/** Options of {@link WakeUpChannel}. */
export interface WakeUpChannelOptions {
  /** Makes a client that was not connected yet. */
  readonly client: () => Client;
  readonly schema: string;
}

/**
 * Tells other processes that there may be more in the log, and hears it from them, by NOTIFY and LISTEN on one connection of
 * its own. It carries no events.
 *
 * The notification is a transaction of its own behind the commit, never a part of the append: NOTIFY takes a lock on the whole
 * cluster through commit, and appends would go one after the other. Many at a time become one. None of this is needed for
 * anything but speed: what is lost here is found by polling.
 */
export class WakeUpChannel implements Relay {
  readonly leads = false;
  readonly follows = false;
  readonly #options: WakeUpChannelOptions;
  readonly #channel: string;
  #connection: ListeningConnection | undefined;

  constructor(options: WakeUpChannelOptions) {
    this.#options = options;
    // A channel's name is cut off at 63 bytes, and a schema's may be as long.
    this.#channel = `tidemark_${createHash('sha256').update(options.schema).digest('hex').slice(0, 32)}`;
  }

  /** Keeps a connection from now on. */
  start(_log: string, listener: RelayListener): void {
    this.#connection = new ListeningConnection(this.#options.client, this.#channel, listener);
  }

  async stop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.stop();
  }

  announce(): void {
    this.#connection?.announce();
  }

  interest(): void {
    // The connection also tells the others, so it is kept either way.
  }

  offer(): void {
    // It never leads.
  }

  /** Without a connection, others are heard of by polling: later, but nothing is lost. */
  health(): Health {
    return this.#connection === undefined || this.#connection.isConnected
      ? { status: 'up', reasons: [] }
      : {
          status: 'degraded',
          reasons: [
            'The connection for wake-ups is away, so that appends of other processes are polled for.',
          ],
        };
  }
}

/** A connection that listens, and is made again whenever it is lost. */
class ListeningConnection {
  readonly #makeClient: () => Client;
  readonly #channel: string;
  readonly #listener: RelayListener;
  readonly #self = randomUUID();
  readonly #stopped = new AbortController();
  readonly #keeping: Promise<void>;
  #client: Client | undefined;
  #due = false;
  #sending = false;
  /** Ends the wait for the present connection's end. */
  #end: (() => void) | undefined;

  constructor(client: () => Client, channel: string, listener: RelayListener) {
    this.#makeClient = client;
    this.#channel = channel;
    this.#listener = listener;
    this.#keeping = this.#keep();
  }

  get isConnected(): boolean {
    return this.#client !== undefined;
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

  async #keep(): Promise<void> {
    for (let attempt = 0; !this.#stopped.signal.aborted; attempt++) {
      const client = this.#makeClient();
      const lost = new Promise<never>((_, reject) => {
        this.#end = () => reject(new ConnectionEnded());
        client.on('error', this.#end);
        client.on('end', this.#end);
      });
      client.on('notification', ({ payload }) => {
        if (payload !== this.#self) this.#listener.wake();
      });
      try {
        // Where nothing comes back, `pg` waits on, and whoever stops this must not.
        await Promise.race([client.connect(), lost]);
        await Promise.race([client.query(`LISTEN ${this.#channel}`), lost]);
        attempt = 0;
        this.#client = client;
        // What happened before was not heard.
        this.#listener.wake();
        if (this.#due) this.announce();
        await lost;
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
        // The connection is lost, or nothing comes back on it: it is announced again on the next one.
        this.#due = true;
        this.#end?.();
        break;
      }
      await wait(gapMs);
    }
    this.#sending = false;
  }
}

/** The connection was lost, or is given up. */
class ConnectionEnded extends Error {}
