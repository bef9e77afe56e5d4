import { setMaxListeners } from 'node:events';
import { StoreUnavailableError } from '@tidemark/core';
import type { Health } from '@tidemark/core';
import type { Pool, PoolClient } from 'pg';
import { backoffMs } from './backoff.js';
import { connectError, ConnectionRefusedError, reasonOf } from './outage.js';

/** Options of {@link Connections}. */
export interface ConnectionsOptions {
  readonly pool: Pool;
  /** Where the server is, for errors: host, port and database. */
  readonly server: string;
  /** How long one waits for a connection in all, in milliseconds. */
  readonly connectTimeoutMs: number;
}

/**
 * Hands out connections of the pool. While the server cannot be reached, one at a time tries again, with growing pauses, and
 * all others wait for its outcome: an outage makes no storm of attempts, and a short one is not noticed but as a delay.
 */
export class Connections {
  readonly #pool: Pool;
  readonly #server: string;
  readonly #connectTimeoutMs: number;
  readonly #stopped = new AbortController();
  /** While it cannot be reached: since when, and why. */
  #away: { readonly since: Date; readonly startedAt: number; readonly reason: string } | undefined;
  #probing = false;
  /** While it is away: settles when the one who tries has got through or given up. */
  #trying: Promise<void> | undefined;

  constructor({ pool, server, connectTimeoutMs }: ConnectionsOptions) {
    this.#pool = pool;
    this.#server = server;
    this.#connectTimeoutMs = connectTimeoutMs;
    setMaxListeners(0, this.#stopped.signal);
  }

  /** @throws {StoreUnavailableError} none was to be had in time */
  async acquire(): Promise<PoolClient> {
    const deadline = performance.now() + this.#connectTimeoutMs;
    if (this.#trying === undefined) {
      try {
        return await this.#connect();
      } catch (error) {
        return this.#acquireAgain(connectError(error, this.#server), deadline);
      }
    }
    return this.#acquireAgain(
      new StoreUnavailableError(`PostgreSQL at ${this.#server} cannot be reached.`),
      deadline,
    );
  }

  /**
   * Whether the server can be reached, as the last attempts told. `degraded`: calls wait; `down`: it lasts for longer than
   * they do, and they fail. While it is away each look makes another attempt, beside whoever else tries.
   */
  health(): Health {
    const away = this.#away;
    if (away === undefined) return { status: 'up', reasons: [] };
    this.probe();
    const lastsMs = performance.now() - away.startedAt;
    return {
      status: lastsMs > this.#connectTimeoutMs ? 'down' : 'degraded',
      reasons: [
        `PostgreSQL at ${this.#server} cannot be reached since ${away.since.toISOString()}: ${away.reason}.`,
      ],
    };
  }

  /** Makes an attempt to reach the server, for health: a connection has broken, or nobody else may try. */
  probe(): void {
    if (this.#probing || this.#stopped.signal.aborted) return;
    this.#probing = true;
    void this.#connect()
      .then(
        (client) => client.release(),
        () => undefined,
      )
      .finally(() => {
        this.#probing = false;
      });
  }

  /** Ends all waiting. */
  stop(): void {
    this.#stopped.abort();
  }

  async #acquireAgain(first: StoreUnavailableError, deadline: number): Promise<PoolClient> {
    let last = first;
    for (let attempt = 0; ; attempt++) {
      const left = deadline - performance.now();
      if (left <= 0 || last instanceof ConnectionRefusedError || this.#stopped.signal.aborted) throw last;
      const trying = this.#trying;
      try {
        if (trying === undefined) return await this.#tryAgain(Math.min(backoffMs(attempt), left));
        await this.#pause(left, trying);
        if (this.#trying !== trying) return await this.#connect();
      } catch (error) {
        last = connectError(error, this.#server);
      }
    }
  }

  async #tryAgain(afterMs: number): Promise<PoolClient> {
    const attempt = this.#pause(afterMs).then(() => this.#connect());
    this.#trying = attempt.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await attempt;
    } finally {
      this.#trying = undefined;
    }
  }

  /** Notes how it went, for health. */
  async #connect(): Promise<PoolClient> {
    try {
      const client = await this.#pool.connect();
      this.#away = undefined;
      return client;
    } catch (error) {
      // A pool whose connections are all in use says nothing about the server.
      if (!isBusy(this.#pool)) {
        this.#away = {
          since: this.#away?.since ?? new Date(),
          startedAt: this.#away?.startedAt ?? performance.now(),
          reason: reasonOf(error),
        };
      }
      throw error;
    }
  }

  /** Waits for so long, or until the promise or everything ends. */
  #pause(milliseconds: number, promise?: Promise<void>): Promise<void> {
    const { signal } = this.#stopped;
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
      void promise?.then(end);
    });
  }
}

const isBusy = (pool: Pool): boolean => pool.totalCount > 0 && pool.totalCount >= pool.options.max;
