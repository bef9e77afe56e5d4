import { setMaxListeners } from 'node:events';
import { StoreUnavailableError } from '@tidemark/core';
import type { Pool, PoolClient } from 'pg';
import { backoffMs } from './backoff.js';
import { connectError, ConnectionRefusedError } from './outage.js';

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
        return await this.#pool.connect();
      } catch (error) {
        return this.#acquireAgain(connectError(error, this.#server), deadline);
      }
    }
    return this.#acquireAgain(
      new StoreUnavailableError(`PostgreSQL at ${this.#server} cannot be reached.`),
      deadline,
    );
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
        if (this.#trying !== trying) return await this.#pool.connect();
      } catch (error) {
        last = connectError(error, this.#server);
      }
    }
  }

  async #tryAgain(afterMs: number): Promise<PoolClient> {
    const attempt = this.#pause(afterMs).then(() => this.#pool.connect());
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
