import { CheckpointConflictError, checkName } from '@tidemark/core';
import type { Checkpoint, CheckpointMove, CheckpointStore } from '@tidemark/core';
import type { SqlRow, SqlSession } from './driver.js';
import type { SchemaNames } from './schema-names.js';

const columns = 'processor, segment, position';

const checkpointOf = ([processor, segment, position]: SqlRow): Checkpoint => ({
  processor: processor as string,
  segment: Number(segment),
  position: BigInt(position as string),
});

/** Checkpoints in a table, moved by compare-and-set. */
export class SqlCheckpointStore implements CheckpointStore {
  readonly #session: SqlSession;
  readonly #table: string;

  constructor(session: SqlSession, names: SchemaNames) {
    this.#session = session;
    this.#table = `${names.quoted}.checkpoints`;
  }

  async load(processor: string, segment = 0): Promise<Checkpoint | undefined> {
    const { rows } = await this.#session.run(
      `SELECT ${columns} FROM ${this.#table} WHERE processor = $1::text AND segment = $2::integer`,
      [processor, String(segment)],
    );
    return rows[0] === undefined ? undefined : checkpointOf(rows[0]);
  }

  async list(processor?: string): Promise<readonly Checkpoint[]> {
    const { rows } = await this.#session.run(
      `SELECT ${columns} FROM ${this.#table} WHERE $1::text IS NULL OR processor = $1::text ORDER BY processor, segment`,
      [processor ?? null],
    );
    return rows.map(checkpointOf);
  }

  async move(move: CheckpointMove): Promise<void> {
    checkName(move.processor, 'processor', 200);
    const { processor, segment, position, previous } = move;
    const place = [processor, String(segment), String(position)];
    const { affectedRows } =
      previous === undefined
        ? await this.#session.run(
            `INSERT INTO ${this.#table} (${columns}) VALUES ($1::text, $2::integer, $3::bigint) ON CONFLICT DO NOTHING`,
            place,
          )
        : await this.#session.run(
            `UPDATE ${this.#table} SET position = $3::bigint
               WHERE processor = $1::text AND segment = $2::integer AND position = $4::bigint`,
            [...place, String(previous)],
          );
    if (affectedRows !== 1) throw new CheckpointConflictError(move);
  }

  async reset(processor: string): Promise<void> {
    await this.#session.run(`DELETE FROM ${this.#table} WHERE processor = $1::text`, [processor]);
  }
}
