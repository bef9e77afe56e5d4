import { CheckpointConflictError, checkName, LeaseLostError } from '@tidemark/core';
import type { Checkpoint, CheckpointMove, CheckpointRefusal, CheckpointStore, Lease } from '@tidemark/core';
import { plainArray, sparseArray, textArray } from './array-literal.js';
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
    const [refusal] = await this.moveAll([move]);
    if (refusal !== undefined) throw refusal;
  }

  /**
   * In one statement: the rows of the leases are locked until the commit, so that nobody takes a lease before, and then the
   * checkpoints are moved. What follows is the commit; should this process be frozen instead, the server ends the transaction
   * when the first of the leases would have been free to take, so that the next owner need not wait any longer.
   */
  async moveAll(moves: readonly CheckpointMove[]): Promise<readonly CheckpointRefusal[]> {
    for (const { processor } of moves) checkName(processor, 'processor', 200);
    if (moves.length === 0) return [];
    const { rows } = await this.#session.run(
      `WITH wanted AS MATERIALIZED (
         SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bigint[])
           WITH ORDINALITY AS w(processor, segment, position, previous, lease, owner, epoch, number)
       ), held AS MATERIALIZED (
         SELECT number, expires_at FROM ${this.#leases} l JOIN wanted w ON l.name = w.lease AND l.owner = w.owner AND l.epoch = w.epoch
           ORDER BY l.name FOR KEY SHARE OF l
       ), limited AS MATERIALIZED (
         SELECT set_config('idle_in_transaction_session_timeout', ${idleTimeout}, true)
           FROM (SELECT min(expires_at) AS expires_at FROM held) h WHERE expires_at IS NOT NULL
       ), allowed AS MATERIALIZED (
         SELECT w.* FROM wanted w LEFT JOIN held USING (number)
           WHERE w.lease IS NULL OR (held.number IS NOT NULL AND EXISTS (SELECT FROM limited))
       ), made AS (
         INSERT INTO ${this.#table} (${columns})
           SELECT processor, segment, position FROM allowed WHERE previous IS NULL ORDER BY processor, segment
           ON CONFLICT DO NOTHING RETURNING processor, segment
       ), moved AS (
         UPDATE ${this.#table} c SET position = a.position FROM allowed a
           WHERE c.processor = a.processor AND c.segment = a.segment AND c.position = a.previous
           RETURNING c.processor, c.segment
       )
       SELECT number,
              w.lease IS NOT NULL AND NOT EXISTS (SELECT FROM held WHERE held.number = w.number),
              EXISTS (SELECT FROM (SELECT * FROM made UNION ALL SELECT * FROM moved) done
                        WHERE done.processor = w.processor AND done.segment = w.segment)
         FROM wanted w ORDER BY number`,
      [
        textArray(moves.map(({ processor }) => processor)),
        plainArray(moves.map(({ segment }) => segment)),
        plainArray(moves.map(({ position }) => position)),
        sparseArray(moves.map(({ previous }) => previous)),
        textArray(moves.map(({ lease }) => lease?.name ?? null)),
        textArray(moves.map(({ lease }) => lease?.owner ?? null)),
        sparseArray(moves.map(({ lease }) => lease?.epoch)),
      ],
    );
    return moves.map((move, index) => {
      const [, isLost, isMoved] = rows[index] ?? [];
      if (isLost === 't' && move.lease !== undefined) return new LeaseLostError(move.lease);
      return isMoved === 't' ? undefined : new CheckpointConflictError(move);
    });
  }

  async remove(checkpoint: Checkpoint, lease?: Lease): Promise<void> {
    const { processor, segment, position } = checkpoint;
    const { rows } = await this.#session.run(
      `WITH held AS MATERIALIZED (
         SELECT FROM ${this.#leases} WHERE name = $4::text AND owner = $5::text AND epoch = $6::bigint FOR KEY SHARE
       ), gone AS (
         DELETE FROM ${this.#table} WHERE processor = $1::text AND segment = $2::integer AND position = $3::bigint
           AND ($4::text IS NULL OR EXISTS (SELECT FROM held)) RETURNING 1
       )
       SELECT EXISTS (SELECT FROM held), EXISTS (SELECT FROM gone)`,
      [
        processor,
        String(segment),
        String(position),
        lease?.name ?? null,
        lease?.owner ?? null,
        lease === undefined ? null : String(lease.epoch),
      ],
    );
    const [isHeld, isGone] = rows[0] ?? [];
    if (lease !== undefined && isHeld !== 't') throw new LeaseLostError(lease);
    if (isGone !== 't') throw new CheckpointConflictError({ ...checkpoint, previous: position });
  }

  async reset(processor: string): Promise<void> {
    await this.#session.run(`DELETE FROM ${this.#table} WHERE processor = $1::text`, [processor]);
  }
}
