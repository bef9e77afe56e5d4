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
  /** While it is away: whether the one who tries gets through. */
  #trying: Promise<boolean> | undefined;

  constructor({ pool, server, connectTimeoutMs }: ConnectionsOptions) {
    this.#pool = pool;
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
    client.off('error', heard);
    client.release(broken);
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
        if (trying === undefined) return await this.#tryAgain(Math.min(backoffMs(attempt), left), deadline);
        if (await this.#pause(left, trying)) return await this.#connect(deadline);
      } catch (error) {
        if (error instanceof PoolBusyError) throw this.#busy(error);
        // Of more use than that the time is over is what kept it from being made.
        if (!(error instanceof LateError)) last = connectError(error, this.#server);
      }
    }
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
      const client = await this.#connectUntil(deadline);
      this.#away = undefined;
      return client;
    } catch (error) {
      // A pool whose connections are all in use says nothing about the server.
      if (!(error instanceof PoolBusyError)) {
        this.#away = {
          since: this.#away?.since ?? new Date(),
          startedAt: this.#away?.startedAt ?? performance.now(),
          reason: error instanceof LateError ? (this.#away?.reason ?? error.message) : reasonOf(error),
        };
      }
      throw error;
    }
  }

  /**
   * The pool's own limit counts anew for each attempt, and a pool that was given may have none. A connection that comes too
   * late goes back to the pool.
   */
  #connectUntil(deadline: number): Promise<PoolClient> {
    const pool = this.#pool;
    return new Promise((resolve, reject) => {
      let late = false;
      const timer = setTimeout(
        () => {
          late = true;
          reject(isFull(pool) ? new PoolBusyError(pool) : new LateError());
        },
        Math.max(deadline - performance.now(), 0),
      );
      pool.connect((error, client) => {
        clearTimeout(timer);
        if (client === undefined) reject(isFull(pool) && isTimeout(error) ? new PoolBusyError(pool) : error);
        else if (late) client.release();
        else {
          // Here and not where it is used: the server's goodbye may follow its greeting in the same packet, and is told of
          // before a promise of ours goes on.
          client.on('error', heard);
          resolve(client);
        }
      });
    });
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

/** While somebody has the connection the pool does not listen, and an error that nobody hears ends the process. */
const heard = (): void => undefined;

const isFull = (pool: Pool): boolean => pool.totalCount >= pool.options.max && pool.idleCount === 0;

/** What `pg` says when its own limit is over before a connection is free. */
const isTimeout = (error: unknown): boolean =>
  error instanceof Error && error.message === 'timeout exceeded when trying to connect';

/** The connection was not made in time. */
class LateError extends Error {
  constructor() {
    super('no connection was to be had in time');
  }
}

/** All connections of the pool were in use for as long as one waits. */
class PoolBusyError extends Error {
  constructor(pool: Pool) {
    super(
      `all ${pool.options.max} connections were in use for too long; end transactions sooner, or raise maxConnections`,
    );
  }
}
