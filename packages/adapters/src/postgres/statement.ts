import type { Connection, Submittable } from 'pg';
import type { SqlParameter, SqlRow, SqlRows } from '../sql/driver.js';
import { affectedBy, statementMessage } from '../sql/wire-messages.js';

/** What `pg` tells a statement of the command that was completed. */
interface CommandComplete {
  readonly text: string;
}

/** What `pg` tells a statement of a row: each column as text. */
interface DataRow {
  readonly fields: SqlRow;
}

/** A statement that is still to be prepared, and one to be given up in its stead. */
export interface Preparation {
  readonly text: string;
  readonly discard: string | undefined;
}

/**
 * One run of a prepared statement, in the form that `pg` lets others bring their own queries in (as `pg-cursor` does).
 *
 * Everything goes out as one message, without asking what the columns are, and rows stay the text that came: nothing is
 * parsed that nobody needs.
 */
export class Statement implements Submittable {
  readonly #name: string;
  readonly #parameters: readonly SqlParameter[];
  readonly #preparation: Preparation | undefined;
  readonly #rows: SqlRow[] = [];
  readonly #settle: (rows: SqlRows) => void;
  readonly #fail: (error: unknown) => void;
  #affectedRows = 0;

  /**
   * @param settle called when the server is ready for the next one, which is after the commit of what runs by itself
   * @param fail called with what `pg` says of an error
   */
  constructor(
    name: string,
    parameters: readonly SqlParameter[],
    preparation: Preparation | undefined,
    settle: (rows: SqlRows) => void,
    fail: (error: unknown) => void,
  ) {
    this.#name = name;
    this.#parameters = parameters;
    this.#preparation = preparation;
    this.#settle = settle;
    this.#fail = fail;
  }

  /** How long `pg` waits for the answer, in milliseconds; 0 for as long as it takes. The name is its own. */
  query_timeout = 0;
  /** `pg` puts a function here when it waits for so long only. */
  callback: ((error: unknown) => void) | undefined;

  submit(connection: Connection): void {
    // A stream that has ended reports that itself, to every statement that waits.
    if (connection.stream.writable) {
      connection.stream.write(statementMessage(this.#name, this.#parameters, this.#preparation));
    }
  }

  handleRowDescription(): void {
    // Not asked for.
  }

  handleDataRow({ fields }: DataRow): void {
    this.#rows.push(fields);
  }

  handleCommandComplete({ text }: CommandComplete): void {
    this.#affectedRows = affectedBy(text);
  }

  handleEmptyQuery(): void {
    // No statement of ours is empty.
  }

  handlePortalSuspended(): void {
    // All rows were asked for.
  }

  handleError(error: unknown): void {
    this.callback?.(error);
    this.#fail(error);
  }

  handleReadyForQuery(): void {
    this.callback?.(undefined);
    this.#settle({ rows: this.#rows, affectedRows: this.#affectedRows });
  }
}
