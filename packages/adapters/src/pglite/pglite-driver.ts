import type { PGlite } from '@electric-sql/pglite';
import { StoreUnavailableError } from '@tidemark/core';
import type { QueryResult } from '@tidemark/core';
import { SqlError, type SqlDriver, type SqlParameter, type SqlRows, type SqlSession } from '../sql/driver.js';
import { Turns } from './turns.js';
import { lastCommand, readAnswer, scriptMessage, statementMessage } from '../sql/wire-messages.js';

/** Most statements that stay prepared; the one that was not used for longest goes. */
const mostPrepared = 200;

/** The type `bigint` in PostgreSQL's catalogue. PGlite gives a number or a bigint for it, by its size. */
const int8 = 20;

/**
 * Speaks to PGlite, whose one connection is ours alone. Statements and transactions take turns; within one, statements go
 * straight to the database.
 */
export class PgliteDriver implements SqlDriver {
  readonly #turns = new Turns();
  readonly #session = new PgliteSession(() => this.#open());
  #database: PGlite | undefined;

  /** Begins to use the database. */
  attach(database: PGlite): void {
    this.#session.forget();
    this.#database = database;
  }

  /** Lets what is under way end, then closes the database. */
  async close(): Promise<void> {
    this.#turns.checkOutside();
    await this.#turns.once(async () => {
      const database = this.#database;
      this.#database = undefined;
      await database?.close();
    });
  }

  run(text: string, parameters: readonly SqlParameter[]): Promise<SqlRows> {
    return this.#turns.once(() => this.#session.run(text, parameters));
  }

  script(text: string): Promise<void> {
    return this.#turns.once(() => this.#session.script(text));
  }

  query<Row>(text: string, parameters: readonly unknown[]): Promise<QueryResult<Row>> {
    return this.#turns.once(() => this.#session.query<Row>(text, parameters));
  }

  async transaction<Result>(work: (session: SqlSession) => Promise<Result>): Promise<Result> {
    this.#turns.checkOutside();
    return this.#turns.hold(async () => {
      await this.#session.command('BEGIN');
      let result: Result;
      try {
        result = await work(this.#session);
      } catch (error) {
        await this.#session.command('ROLLBACK');
        throw error;
      }
      if ((await this.#session.command('COMMIT')) !== 'COMMIT') {
        throw new SqlError(
          'The transaction was rolled back: one of its statements had failed, and its error was caught.',
          '25P02',
        );
      }
      return result;
    });
  }

  checkOutside(): void {
    this.#turns.checkOutside();
  }

  #open(): PGlite {
    if (this.#database === undefined) {
      throw new StoreUnavailableError('The PGlite backend is closed: open it before it is used.');
    }
    return this.#database;
  }
}

/** The connection itself, for whoever has the turn. */
class PgliteSession implements SqlSession {
  readonly #database: () => PGlite;
  /** Names of the prepared statements by their text, the one used last at the end. */
  readonly #prepared = new Map<string, string>();
  #made = 0;

  constructor(database: () => PGlite) {
    this.#database = database;
  }

  forget(): void {
    this.#prepared.clear();
  }

  async run(text: string, parameters: readonly SqlParameter[]): Promise<SqlRows> {
    const name = this.#prepared.get(text);
    if (name === undefined) return this.#prepareAndRun(text, parameters);
    this.#prepared.delete(text);
    this.#prepared.set(text, name);
    return readAnswer(await this.#send(statementMessage(name, parameters)));
  }

  async script(text: string): Promise<void> {
    readAnswer(await this.#send(scriptMessage(text)));
  }

  /** Runs a command without parameters and says what was done. */
  async command(text: string): Promise<string> {
    const answer = await this.#send(scriptMessage(text));
    readAnswer(answer);
    return lastCommand(answer);
  }

  async query<Row>(text: string, parameters: readonly unknown[]): Promise<QueryResult<Row>> {
    const database = this.#database();
    try {
      const { rows, affectedRows = 0 } = await database.query<Row>(text, [...parameters], {
        parsers: { [int8]: BigInt },
      });
      return { rows, affectedRows };
    } catch (error) {
      throw sqlErrorOf(error);
    }
  }

  async #prepareAndRun(text: string, parameters: readonly SqlParameter[]): Promise<SqlRows> {
    this.#made += 1;
    const name = `tidemark_${this.#made}`;
    const oldest = this.#prepared.size < mostPrepared ? undefined : this.#prepared.entries().next().value;
    if (oldest !== undefined) this.#prepared.delete(oldest[0]);
    const answer = readAnswer(
      await this.#send(statementMessage(name, parameters, { text, discard: oldest?.[1] })),
    );
    // Kept only when it worked: of one that failed nobody knows whether it is prepared.
    this.#prepared.set(text, name);
    return answer;
  }

  async #send(message: Uint8Array): Promise<Buffer> {
    const chunks: Buffer[] = [];
    await this.#database().execProtocolRawStream(message, {
      // The bytes are the database's own memory: they are gone when this returns.
      onRawData: (bytes) => chunks.push(Buffer.from(bytes)),
    });
    const [only] = chunks;
    return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
  }
}

/** PGlite puts the statement and its parameters into its errors; ours carry neither. */
const sqlErrorOf = (error: unknown): unknown => {
  if (typeof error !== 'object' || error === null || !('code' in error) || !('message' in error))
    return error;
  const constraint = 'constraint' in error ? error.constraint : undefined;
  return new SqlError(
    String(error.message),
    String(error.code),
    typeof constraint === 'string' ? constraint : undefined,
  );
};
