import { CheckpointConflictError, checkName, LeaseLostError } from '@tidemark/core';
import type { Checkpoint, CheckpointMove, CheckpointStore, Lease } from '@tidemark/core';
import type { SqlRow, SqlSession } from './driver.js';
import type { SchemaNames } from './schema-names.js';

const columns = 'processor, segment, position';

const checkpointOf = ([processor, segment, position]: SqlRow): Checkpoint => ({
  processor: processor as string,
  segment: Number(segment),
  position: BigInt(position as string),
});

/**
 * What is left of the lease, at least a second, or the timeout that is set if that is shorter (0 is none). In whole
 * milliseconds, as text.
 */
const idleTimeout = `(
  SELECT round(1000 * CASE WHEN present = 0 THEN remaining ELSE least(present, remaining) END)::text
    FROM (SELECT extract(epoch FROM current_setting('idle_in_transaction_session_timeout')::interval) AS present,
                 greatest(extract(epoch FROM expires_at - clock_timestamp()), 1) AS remaining) t
)`;

/** Checkpoints in a table, moved by compare-and-set. */
export class SqlCheckpointStore implements CheckpointStore {
  readonly #session: SqlSession;
  readonly #table: string;
  readonly #leases: string;

  constructor(session: SqlSession, names: SchemaNames) {
    this.#session = session;
    this.#leases = `${names.quoted}.leases`;
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
    const { processor, segment, position, previous, lease } = move;
    if (lease !== undefined) return this.#moveFenced(move, lease);
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

  /**
   * In one statement: the lease's row is locked until the commit, so that nobody takes the lease before, and then the
   * checkpoint is moved. What follows is the commit; should this process be frozen instead, the server ends the transaction
   * when the lease would have been free to take, so that the next owner need not wait any longer.
   */
  async #moveFenced(move: CheckpointMove, lease: Lease): Promise<void> {
    const { processor, segment, position, previous } = move;
    const { rows } = await this.#session.run(
      `WITH held AS MATERIALIZED (
         SELECT set_config('idle_in_transaction_session_timeout', ${idleTimeout}, true) FROM ${this.#leases}
           WHERE name = $5::text AND owner = $6::text AND epoch = $7::bigint FOR KEY SHARE
       ), made AS (
         INSERT INTO ${this.#table} (${columns})
           SELECT $1::text, $2::integer, $3::bigint WHERE $4::bigint IS NULL AND EXISTS (SELECT FROM held)
           ON CONFLICT DO NOTHING RETURNING 1
       ), moved AS (
         UPDATE ${this.#table} SET position = $3::bigint
           WHERE processor = $1::text AND segment = $2::integer AND position = $4::bigint AND EXISTS (SELECT FROM held)
           RETURNING 1
       )
       SELECT (SELECT count(*) FROM held), (SELECT count(*) FROM made) + (SELECT count(*) FROM moved)`,
      [
        processor,
        String(segment),
        String(position),
        previous === undefined ? null : String(previous),
        lease.name,
        lease.owner,
        String(lease.epoch),
      ],
    );
    const [held, moved] = rows[0] ?? [];
    if (held !== '1') throw new LeaseLostError(lease);
    if (moved !== '1') throw new CheckpointConflictError(move);
  }

  async reset(processor: string): Promise<void> {
    await this.#session.run(`DELETE FROM ${this.#table} WHERE processor = $1::text`, [processor]);
  }
}
