import { StoreUnavailableError, TidemarkError } from '@tidemark/core';
import type { QueryResult } from '@tidemark/core';

/**
 * A parameter as PostgreSQL reads it: text, or bytes in its binary format. Each statement names the types itself
 * (`$1::bigint`).
 */
export type SqlParameter = string | Uint8Array | null;

/** One row: each column as the text that PostgreSQL writes. Whoever asked knows the types and pays only for what it needs. */
export type SqlRow = readonly (string | null)[];

export interface SqlRows {
  readonly rows: readonly SqlRow[];
  /** How many rows an INSERT, UPDATE or DELETE touched. */
  readonly affectedRows: number;
}

/** Where statements can be run: a database, or one transaction in it. */
export interface SqlSession {
  /** Runs one statement of ours. Its text is prepared once per connection, so it must be one of few. */
  run(text: string, parameters: readonly SqlParameter[]): Promise<SqlRows>;

  /** Runs several statements without parameters. */
  script(text: string): Promise<void>;

  /** Runs a statement of the user's, with values of JavaScript in and out; `bigint` columns come as `bigint`. */
  query<Row>(text: string, parameters: readonly unknown[]): Promise<QueryResult<Row>>;
}

/**
 * The seam between our SQL and the program that speaks to PostgreSQL. All that differs between PGlite and a server is here.
 *
 * Every failed statement rejects with a {@link SqlError}.
 */
export interface SqlDriver extends SqlSession {
  /** Runs `work` in a transaction at READ COMMITTED, committed when it resolves and rolled back when it rejects. */
  transaction<Result>(work: (session: SqlSession) => Promise<Result>): Promise<Result>;

  /**
   * Refuses what would wait for itself for ever.
   *
   * @throws {TransactionError} called from inside of a transaction on this driver
   */
  checkOutside(): void;
}

/** PostgreSQL refused a statement, or failed at it. */
export class SqlError extends TidemarkError {
  readonly code = 'sql';

  /**
   * @param sqlState the five characters of PostgreSQL's error code, e.g. `23505`; empty if it came from elsewhere
   * @param constraint name of the violated constraint, if any
   */
  constructor(
    message: string,
    readonly sqlState: string,
    readonly constraint?: string | undefined,
  ) {
    super(message);
  }
}

/**
 * The connection broke while a statement was under way: it may have been carried out, or not. Repeating it is safe only if it
 * is idempotent, as an append with the same event ids is.
 */
export class ConnectionLostError extends StoreUnavailableError {}
