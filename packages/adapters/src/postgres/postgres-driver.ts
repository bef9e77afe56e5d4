import { StoreUnavailableError } from '@tidemark/core';
import type { QueryResult } from '@tidemark/core';
import {
  ConnectionLostError,
  SqlError,
  type SqlDriver,
  type SqlParameter,
  type SqlRows,
  type SqlSession,
} from '../sql/driver.js';
import { TransactionScope } from '../sql/transaction-scope.js';
import type { Connections } from './connections.js';
import { PostgresSession, type PostgresSessionOptions } from './session.js';

/**
 * The level is said each time: a server or a role may be set to another one, under which a lost race would stay lost. Whether
 * it may write is for the server to say; one that must not be written to is away for those who write.
 */
const begin = 'BEGIN ISOLATION LEVEL READ COMMITTED';

/** Most connections that a transaction is begun on. More than one is needed where some broke while nobody used them. */
const mostBegins = 3;

/** Speaks to a PostgreSQL server: each statement and each transaction on a connection of the pool. */
export class PostgresDriver implements SqlDriver {
  readonly #options: PostgresSessionOptions;
  readonly #scope = new TransactionScope();
  #connections: Connections | undefined;

  constructor(options: PostgresSessionOptions) {
    this.#options = options;
  }

  /** Begins to use the pool. */
  attach(connections: Connections): void {
    this.#connections = connections;
  }

  /** Refuses everything from now on; what waits for a connection gives up. */
  detach(): void {
    this.#scope.checkOutside();
    this.#connections?.stop();
    this.#connections = undefined;
  }

  run(text: string, parameters: readonly SqlParameter[]): Promise<SqlRows> {
    return this.#once((session) => session.run(text, parameters));
  }

  script(text: string): Promise<void> {
    return this.#once((session) => session.script(text));
  }

  query<Row>(text: string, parameters: readonly unknown[]): Promise<QueryResult<Row>> {
    return this.#once((session) => session.query<Row>(text, parameters));
  }

  async transaction<Result>(work: (session: SqlSession) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      let begun = false;
      try {
        return await this.#once(async (session) => {
          await session.command(begin);
          begun = true;
          return this.#complete(session, work);
        });
      } catch (error) {
        // The connection had been lost before: nothing was done yet, and another one will do.
        if (begun || attempt === mostBegins || !(error instanceof ConnectionLostError)) throw error;
      }
    }
  }

  checkOutside(): void {
    this.#scope.checkOutside();
  }

  async #complete<Result>(
    session: PostgresSession,
    work: (session: SqlSession) => Promise<Result>,
  ): Promise<Result> {
    let result: Result;
    try {
      result = await this.#scope.run(() => work(session));
    } catch (error) {
      await rollBack(session);
      throw error;
    }
    if ((await commit(session)) !== 'COMMIT') {
      throw new SqlError(
        'The transaction was rolled back: one of its statements had failed, and its error was caught.',
        '25P02',
      );
    }
    return result;
  }

  async #once<Result>(work: (session: PostgresSession) => Promise<Result>): Promise<Result> {
    this.#scope.checkOutside();
    const connections = this.#connections;
    if (connections === undefined) {
      throw new StoreUnavailableError('The PostgreSQL backend is closed: open it before it is used.');
    }
    const client = await connections.acquire();
    const session = new PostgresSession(client, this.#options);
    try {
      return await work(session);
    } finally {
      connections.release(client, session.broken);
    }
  }
}

/** @returns what the server did: `COMMIT`, or `ROLLBACK` where a statement had failed */
const commit = async (session: PostgresSession): Promise<string> => {
  try {
    return await session.command('COMMIT');
  } catch (error) {
    if (!(error instanceof ConnectionLostError)) throw error;
    throw new ConnectionLostError(
      `${error.message} That was the commit, and nobody knows whether it took place: look before you repeat the transaction.`,
      { cause: error },
    );
  }
};

/** A connection that is lost has rolled back, or will when the server notices. The error that led here is the one to tell. */
const rollBack = async (session: PostgresSession): Promise<void> => {
  if (session.broken) return;
  try {
    await session.command('ROLLBACK');
  } catch {
    session.discard();
  }
};
