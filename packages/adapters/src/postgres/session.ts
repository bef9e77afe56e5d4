import type { QueryResult } from '@tidemark/core';
import { types, type ClientBase, type CustomTypesConfig } from 'pg';
import type { SqlParameter, SqlRows, SqlSession } from '../sql/driver.js';
import { endsConnection, isReadOnly, statementError } from './outage.js';
import { PreparedStatements } from './prepared-statements.js';
import { Statement, type Preparation } from './statement.js';

/** As `pg` parses by itself, but for `bigint`, which would lose digits as a number and is text by default. */
const userTypes: CustomTypesConfig = {
  getTypeParser: (type, format) =>
    type === types.builtins.INT8
      ? (text: string | Buffer) => BigInt(String(text))
      : types.getTypeParser(type, format),
};

const prepared = new WeakMap<ClientBase, PreparedStatements>();

const preparedOn = (client: ClientBase): PreparedStatements => {
  let statements = prepared.get(client);
  if (statements === undefined) {
    statements = new PreparedStatements();
    prepared.set(client, statements);
  }
  return statements;
};

/** Options of {@link PostgresSession}. */
export interface PostgresSessionOptions {
  /** Where the server is, for errors. */
  readonly server: string;
  /** How long to wait for an answer before the connection counts as lost, in milliseconds; 0 for as long as it takes. */
  readonly answerTimeoutMs: number;
  /** False behind a pooler that gives each transaction another connection of the server. */
  readonly prepares: boolean;
}

/** One connection, for whoever has it. */
export class PostgresSession implements SqlSession {
  readonly #client: ClientBase;
  readonly #options: PostgresSessionOptions;
  #broken = false;

  constructor(client: ClientBase, options: PostgresSessionOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** True when the connection is of no more use. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Has the connection closed instead of used again. */
  discard(): void {
    this.#broken = true;
  }

  async run(text: string, parameters: readonly SqlParameter[]): Promise<SqlRows> {
    if (!this.#options.prepares) return this.#send('', parameters, { text, discard: undefined });
    const statements = preparedOn(this.#client);
    const { name, preparation } = statements.use(text);
    if (preparation === undefined) return this.#send(name, parameters, preparation);
    try {
      const rows = await this.#send(name, parameters, preparation);
      statements.keep(text, name);
      return rows;
    } catch (error) {
      statements.doubt(name);
      throw error;
    }
  }

  async script(text: string): Promise<void> {
    await this.command(text);
  }

  /** Runs a text without parameters, and says what its last statement did, e.g. `ROLLBACK`. */
  async command(text: string): Promise<string> {
    try {
      // `pg` answers a text of several statements with an array.
      const results = [await this.#client.query(text)].flat();
      return results.at(-1)?.command ?? '';
    } catch (error) {
      throw this.#failed(error);
    }
  }

  async query<Row>(text: string, parameters: readonly unknown[]): Promise<QueryResult<Row>> {
    try {
      const { rows, rowCount, command } = await this.#client.query({
        text,
        values: [...parameters],
        types: userTypes,
      });
      return { rows, affectedRows: command === 'SELECT' ? 0 : (rowCount ?? 0) };
    } catch (error) {
      // A parameter that cannot become one, such as JSON in a circle, was not sent at all.
      if (error instanceof TypeError) throw error;
      throw this.#failed(error);
    }
  }

  #send(
    name: string,
    parameters: readonly SqlParameter[],
    preparation: Preparation | undefined,
  ): Promise<SqlRows> {
    return new Promise((resolve, reject) => {
      const statement = new Statement(name, parameters, preparation, resolve, (error) =>
        reject(this.#failed(error)),
      );
      statement.query_timeout = this.#options.answerTimeoutMs;
      this.#client.query(statement);
    });
  }

  #failed(error: unknown): Error {
    if (endsConnection(error) || isReadOnly(error)) this.#broken = true;
    return statementError(error, this.#options.server);
  }
}
