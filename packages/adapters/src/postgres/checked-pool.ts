import type { Pool, PoolClient } from 'pg';
import { StandbyError } from './outage.js';

/**
 * A pool whose connections are to be had in time or not at all, and lead to a primary.
 *
 * A connection is asked before its first use whether it leads to a standby, since where an address leads may change with a
 * failover. No server becomes a standby without a new start, so one that was asked once stays good.
 */
export class CheckedPool {
  readonly #pool: Pool;
  /** Those that lead to no standby. */
  readonly #checked = new WeakSet<PoolClient>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Most connections that there may be. */
  get size(): number {
    return this.#pool.options.max;
  }

  /** True when there are as many connections as may be, and all are in use. */
  get isFull(): boolean {
    return this.#pool.totalCount >= this.size && this.#pool.idleCount === 0;
  }

  /**
   * A connection, to be given back by {@link release}.
   *
   * The pool's own limit counts anew for each attempt, and a pool that was given may have none. A connection that comes too
   * late goes back to the pool.
   *
   * @param deadline as of `performance.now()`
   * @throws {PoolBusyError} all were in use until then
   * @throws {LateError} none was to be had until then
   * @throws {StandbyError} it leads to a standby
   * @throws what `pg` says
   */
  connect(deadline: number): Promise<PoolClient> {
    return new Promise((resolve, reject) => {
      let late = false;
      /** The connection that is asked where it leads. */
      let asked: PoolClient | undefined;
      const timer = setTimeout(
        () => {
          late = true;
          const error = this.isFull && asked === undefined ? new PoolBusyError(this.size) : new LateError();
          // Its answer may never come.
          if (asked !== undefined) this.release(asked, true);
          reject(error);
        },
        Math.max(deadline - performance.now(), 0),
      );
      this.#pool.connect((error, client) => {
        if (client === undefined) {
          clearTimeout(timer);
          reject(this.isFull && isTimeout(error) ? new PoolBusyError(this.size) : error);
        } else if (late) {
          client.release();
        } else {
          // Here and not where it is used: the server's goodbye may follow its greeting in the same packet, and is told of
          // before a promise of ours goes on.
          client.on('error', heard);
          asked = client;
          const handOver = async (): Promise<void> => {
            const failure = await this.#failureOf(client);
            if (late) return;
            clearTimeout(timer);
            if (failure === undefined) {
              resolve(client);
            } else {
              this.release(client, true);
              reject(failure);
            }
          };
          void handOver();
        }
      });
    });
  }

  /** @param broken true to have it closed instead of used again */
  release(client: PoolClient, broken: boolean): void {
    client.off('error', heard);
    client.release(broken);
  }

  /** What is wrong with a connection, if something is. */
  async #failureOf(client: PoolClient): Promise<Error | undefined> {
    if (this.#checked.has(client)) return undefined;
    try {
      const { rowCount } = await client.query('SELECT WHERE pg_is_in_recovery()');
      if (rowCount !== 0) return new StandbyError();
      this.#checked.add(client);
      return undefined;
    } catch (thrown) {
      return thrown as Error;
    }
  }
}

/** While somebody has the connection the pool does not listen, and an error that nobody hears ends the process. */
const heard = (): void => undefined;

/** What `pg` says when its own limit is over before a connection is free. */
const isTimeout = (error: unknown): boolean =>
  error instanceof Error && error.message === 'timeout exceeded when trying to connect';

/** The connection was not made in time. */
export class LateError extends Error {
  constructor() {
    super('no connection was to be had in time');
  }
}

/** All connections of the pool were in use for as long as one waits. */
export class PoolBusyError extends Error {
  constructor(size: number) {
    super(
      `all ${size} connections were in use for too long; end transactions sooner, or raise maxConnections`,
    );
  }
}
