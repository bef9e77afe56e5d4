import { setMaxListeners } from 'node:events';
import { StoreUnavailableError } from '@tidemark/core';
import type { Health } from '@tidemark/core';
import type { Pool, PoolClient } from 'pg';
import { backoffMs } from './backoff.js';
import { CheckedPool, LateError, PoolBusyError } from './checked-pool.js';
import { connectError, ConnectionRefusedError, reasonOf, StandbyError } from './outage.js';

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
  readonly #pool: CheckedPool;
  readonly #server: string;
  readonly #connectTimeoutMs: number;
  readonly #stopped = new AbortController();
  /** Since when calls have waited in vain for a free connection. */
  #busySince: Date | undefined;
  /** While it cannot be reached: since when, and why. */
  #away:
    | {
        readonly since: Date;
        readonly startedAt: number;
        readonly reason: string;
        readonly isReached: boolean;
      }
    | undefined;
  #probing = false;
  /** While it is away: whether the one who tries gets through. */
  #trying: Promise<boolean> | undefined;

  constructor({ pool, server, connectTimeoutMs }: ConnectionsOptions) {
    this.#pool = new CheckedPool(pool);
    this.#server = server;
    this.#connectTimeoutMs = connectTimeoutMs;
    setMaxListeners(0, this.#stopped.signal);
  }

  /**
   * A connection, to be given back by {@link release}. What ends it between two statements fails the next one.
   *
   * @throws {StoreUnavailableError} none was to be had in time
   */
  async acquire(): Promise<PoolClient> {
    const deadline = performance.now() + this.#connectTimeoutMs;
    if (this.#trying === undefined) {
      try {
        return await this.#connect(deadline);
      } catch (error) {
        if (error instanceof PoolBusyError) throw this.#busy(error);
        return this.#acquireAgain(connectError(error, this.#server), deadline);
      }
    }
    return this.#acquireAgain(undefined, deadline);
  }

  /**
   * Whether the server can be reached, as the last attempts told. `degraded`: calls wait, or found no free connection; `down`:
   * it lasts for longer than they do, and they fail. While it is away each look makes another attempt, beside whoever else tries.
   */
  health(): Health {
    const away = this.#away;
    if (away === undefined) return this.#busyHealth();
    this.probe();
    const lastsMs = performance.now() - away.startedAt;
    return {
      status: lastsMs > this.#connectTimeoutMs ? 'down' : 'degraded',
      reasons: [
        `PostgreSQL at ${this.#server} cannot be ${away.isReached ? 'used' : 'reached'} since ${away.since.toISOString()}: ${away.reason}.`,
      ],
    };
  }

  #busyHealth(): Health {
    // Nobody may have asked since one became free.
    if (!this.#pool.isFull) this.#busySince = undefined;
    if (this.#busySince === undefined) return { status: 'up', reasons: [] };
    return {
      status: 'degraded',
      reasons: [
        `Since ${this.#busySince.toISOString()} calls wait in vain for a connection to PostgreSQL at ${this.#server}: ` +
          `${new PoolBusyError(this.#pool.size).message}.`,
      ],
    };
  }

  /** Makes an attempt to reach the server, for health: a connection has broken, or nobody else may try. */
  probe(): void {
    if (this.#probing || this.#stopped.signal.aborted) return;
    this.#probing = true;
    void this.#connect(performance.now() + this.#connectTimeoutMs)
      .then(
        (client) => this.release(client),
        () => undefined,
      )
      .finally(() => {
        this.#probing = false;
      });
  }

  /** @param broken true to have it closed instead of used again */
  release(client: PoolClient, broken = false): void {
    this.#pool.release(client, broken);
  }

  /** Ends all waiting. */
  stop(): void {
    this.#stopped.abort();
  }

  async #acquireAgain(first: StoreUnavailableError | undefined, deadline: number): Promise<PoolClient> {
    let last = first;
    for (let attempt = 0; ; attempt++) {
      const left = deadline - performance.now();
      if (left <= 0 || last instanceof ConnectionRefusedError || this.#stopped.signal.aborted) {
        throw last ?? this.#awayError();
      }
      const trying = this.#trying;
      try {
        if (trying === undefined) return await this.#tryAgain(Math.min(backoffMs(attempt), left), deadline);
        if (await this.#pause(left, trying)) return await this.#connect(deadline);
      } catch (error) {
        if (error instanceof PoolBusyError) throw this.#busy(error);
        // Of more use than that the time is over is what kept it from being made.
        if (!(error instanceof LateError)) last = connectError(error, this.#server);
      }
    }
  }

  /** For who has only waited for the attempts of others. */
  #awayError(): StoreUnavailableError {
    const why = this.#away === undefined ? '' : `: ${this.#away.reason}`;
    return new StoreUnavailableError(
      `PostgreSQL at ${this.#server} could not be ${this.#away?.isReached === true ? 'used' : 'reached'} in time${why}.`,
    );
  }

  #busy({ message }: PoolBusyError): StoreUnavailableError {
    return new StoreUnavailableError(`No connection to PostgreSQL at ${this.#server} was free: ${message}.`);
  }

  async #tryAgain(afterMs: number, deadline: number): Promise<PoolClient> {
    const attempt = this.#pause(afterMs).then(() => this.#connect(deadline));
    this.#trying = attempt.then(
      () => true,
      () => false,
    );
    try {
      return await attempt;
    } finally {
      this.#trying = undefined;
    }
  }

  /** Notes how it went, for health. */
  async #connect(deadline: number): Promise<PoolClient> {
    try {
      const client = await this.#pool.connect(deadline);
      this.#away = undefined;
      this.#busySince = undefined;
      return client;
    } catch (error) {
      if (error instanceof PoolBusyError) this.#busySince ??= new Date();
      else this.#noteAway(error);
      throw error;
    }
  }

  #noteAway(error: unknown): void {
    const away = this.#away;
    const isTold = error instanceof LateError && away !== undefined;
    this.#away = {
      since: away?.since ?? new Date(),
      startedAt: away?.startedAt ?? performance.now(),
      reason: isTold ? away.reason : reasonOf(error),
      isReached: isTold ? away.isReached : error instanceof StandbyError,
    };
  }

  /** Waits for so long, or until the promise or everything ends; gives what the promise gave, or false. */
  #pause(milliseconds: number, promise?: Promise<boolean>): Promise<boolean> {
    const { signal } = this.#stopped;
    return new Promise((resolve) => {
      const end = (gave = false): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        resolve(gave);
      };
      const abort = (): void => end();
      const timer = setTimeout(end, milliseconds);
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) end();
      void promise?.then(end);
    });
  }
}
