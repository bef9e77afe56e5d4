import { checkStreamName } from '@tidemark/core';
import type { Codec, Snapshot, SnapshotStore } from '@tidemark/core';
import type { SqlSession } from './driver.js';
import type { SchemaNames } from './schema-names.js';

/** The newest snapshot of each stream, in a table. */
export class SqlSnapshotStore implements SnapshotStore {
  readonly #session: SqlSession;
  readonly #table: string;
  readonly #codec: Codec;

  constructor(session: SqlSession, names: SchemaNames, codec: Codec) {
    this.#session = session;
    this.#table = `${names.quoted}.snapshots`;
    this.#codec = codec;
  }

  async load(stream: string): Promise<Snapshot | undefined> {
    checkStreamName(stream);
    const { rows } = await this.#session.run(
      `SELECT version, schema_version, state FROM ${this.#table} WHERE stream = $1::text`,
      [stream],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    const [version, schemaVersion, state] = row;
    return {
      stream,
      version: Number(version),
      schemaVersion: Number(schemaVersion),
      state: this.#codec.decode(state as string),
    };
  }

  async save(snapshot: Snapshot): Promise<void> {
    checkStreamName(snapshot.stream);
    await this.#session.run(
      `INSERT INTO ${this.#table} AS present (stream, version, schema_version, state)
         VALUES ($1::text, $2::integer, $3::integer, $4::json)
         ON CONFLICT (stream) DO UPDATE
           SET version = excluded.version, schema_version = excluded.schema_version, state = excluded.state
           WHERE present.schema_version <> excluded.schema_version OR present.version <= excluded.version`,
      [
        snapshot.stream,
        String(snapshot.version),
        String(snapshot.schemaVersion),
        this.#codec.encode(snapshot.state, 'state'),
      ],
    );
  }

  async delete(stream: string): Promise<void> {
    checkStreamName(stream);
    await this.#session.run(`DELETE FROM ${this.#table} WHERE stream = $1::text`, [stream]);
  }
}
