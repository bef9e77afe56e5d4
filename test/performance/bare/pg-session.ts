import { Pool, type ClientBase, type CustomTypesConfig } from 'pg';
import type { BareSession, TextRow } from './session.js';

/** Everything stays text: whoever asked parses what it needs, as the fastest readers do. */
const asText: CustomTypesConfig = { getTypeParser: () => (text: string | Buffer) => String(text) };

/** `pg` with named statements on a pool of as many connections as ours has. */
export class PgSession implements BareSession {
  readonly #client: Pool | ClientBase;
  readonly #names: Map<string, string>;

  private constructor(client: Pool | ClientBase, names: Map<string, string>) {
    this.#client = client;
    this.#names = names;
  }

  /** @param connections most connections. Default: as many as ours has */
  static open(connectionString: string, connections = 10): PgSession {
    const pool = new Pool({ connectionString, max: connections });
    // The server ends before the last connections are told of it.
    pool.on('error', () => undefined);
    return new PgSession(pool, new Map());
  }

  async run(text: string, values: readonly (string | null)[] = []): Promise<readonly TextRow[]> {
    let name = this.#names.get(text);
    if (name === undefined) {
      name = `bare_${this.#names.size + 1}`;
      this.#names.set(text, name);
    }
    const { rows } = await this.#client.query<(string | null)[]>({
      name,
      text,
      values: [...values],
      rowMode: 'array',
      types: asText,
    });
    return rows;
  }

  async query(text: string, values: readonly string[]): Promise<readonly TextRow[]> {
    const { rows } = await this.#client.query<(string | null)[]>({
      text,
      values: [...values],
      rowMode: 'array',
    });
    return rows;
  }

  async script(text: string): Promise<void> {
    await this.#client.query(text);
  }

  async transaction<Result>(work: (session: BareSession) => Promise<Result>): Promise<Result> {
    if (!(this.#client instanceof Pool)) throw new Error('A transaction in a transaction is none.');
    const client = await this.#client.connect();
    try {
      await client.query('BEGIN');
      const result = await work(new PgSession(client, this.#names));
      await client.query('COMMIT');
      return result;
    } finally {
      client.release();
    }
  }

  async close(): Promise<void> {
    if (this.#client instanceof Pool) await this.#client.end();
  }
}
