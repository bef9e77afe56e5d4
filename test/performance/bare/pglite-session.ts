import { PGlite, protocol } from '@electric-sql/pglite';
import type { BareSession, TextRow } from './session.js';

/**
 * PGlite used as fast as its public interface allows: statements prepared once, then bound and executed in one message.
 * Its `query()`, which parses and plans every time, takes about twice as long for a single row.
 */
export class PgliteSession implements BareSession {
  readonly #database: PGlite;
  readonly #prepared = new Map<string, string>();

  private constructor(database: PGlite) {
    this.#database = database;
  }

  /** Opens a new database in memory. */
  static async open(): Promise<PgliteSession> {
    return new PgliteSession(await PGlite.create());
  }

  async run(text: string, values: readonly (string | null)[] = []): Promise<readonly TextRow[]> {
    const { serialize } = protocol;
    const statement = this.#prepared.get(text) ?? (await this.#prepare(text));
    const messages = await this.#database.execProtocolStream(
      Buffer.concat([
        serialize.bind({ statement, values: [...values] }),
        serialize.execute({}),
        serialize.sync(),
      ]),
      {},
    );
    const rows: TextRow[] = [];
    for (const message of messages) {
      if (message instanceof protocol.messages.DataRowMessage) rows.push(message.fields);
    }
    return rows;
  }

  /** Runs a statement by PGlite's own `query()`. */
  async query(text: string, values: readonly string[]): Promise<readonly TextRow[]> {
    const { rows } = await this.#database.query<TextRow>(text, [...values], { rowMode: 'array' });
    return rows;
  }

  async script(text: string): Promise<void> {
    await this.#database.exec(text);
  }

  async transaction<Result>(work: (session: BareSession) => Promise<Result>): Promise<Result> {
    await this.#command('BEGIN');
    const result = await work(this);
    await this.#command('COMMIT');
    return result;
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  /** A command without parameters or rows, in one message. */
  async #command(text: string): Promise<void> {
    await this.#database.execProtocolStream(protocol.serialize.query(text), {});
  }

  async #prepare(text: string): Promise<string> {
    const { serialize } = protocol;
    const name = `bare_${this.#prepared.size + 1}`;
    await this.#database.execProtocolStream(
      Buffer.concat([serialize.parse({ name, text }), serialize.sync()]),
      {},
    );
    this.#prepared.set(text, name);
    return name;
  }
}
