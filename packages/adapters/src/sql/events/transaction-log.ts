import type { Codec, RecordedEvent } from '@tidemark/core';
import { textArray } from '../array-literal.js';
import type { SqlSession } from '../driver.js';
import type { SchemaNames } from '../schema-names.js';
import { eventColumns, EventRows } from './event-rows.js';

/** Reads the log from inside of a transaction: what is committed, and what the transaction appended itself. */
export class TransactionLog {
  readonly #session: SqlSession;
  readonly #rows: EventRows;
  readonly #versions: string;
  readonly #behind: string;

  constructor(session: SqlSession, names: SchemaNames, codec: Codec) {
    this.#session = session;
    this.#rows = new EventRows(codec);
    this.#versions = names.fill(
      `SELECT ${eventColumns} FROM {schema}.all_events e
         WHERE e.stream = $1::text AND e.version >= $2::integer AND e.version <= $3::integer ORDER BY e.version`,
    );
    this.#behind = names.fill(
      `SELECT ${eventColumns} FROM {schema}.all_events e
         WHERE e.position > $1::bigint AND e.type = ANY ($2::text[]) ORDER BY e.position LIMIT $3::bigint`,
    );
  }

  async versions(stream: string, from: number, to: number): Promise<readonly RecordedEvent[]> {
    const { rows } = await this.#session.run(this.#versions, [stream, String(from), String(to)]);
    return rows.map((row) => this.#rows.decode(row));
  }

  async behind(after: bigint, types: readonly string[], limit: number): Promise<readonly RecordedEvent[]> {
    const { rows } = await this.#session.run(this.#behind, [String(after), textArray(types), String(limit)]);
    return rows.map((row) => this.#rows.decode(row));
  }
}
