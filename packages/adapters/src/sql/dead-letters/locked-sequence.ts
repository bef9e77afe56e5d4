import { DeadLetterClaimLostError, keptError } from '@tidemark/core';
import type { DeadLetterAction, DeadLetterActor, DeadLetterClaim, DeadLetterError } from '@tidemark/core';
import { plainArray } from '../array-literal.js';
import type { SqlSession } from '../driver.js';
import { later } from '../store-time.js';
import { storedColumns } from './letter-rows.js';
import { storedKey } from './sequence-key.js';

/** Ends the claim on a sequence. */
export const unclaimed = 'claim = NULL, claimed_until = NULL, claimed = NULL';

/** What was done with letters, by whom, why. */
export interface Deed extends DeadLetterActor {
  readonly action: DeadLetterAction;
}

/** A sequence whose row is locked, within one transaction: nobody else changes its letters meanwhile. */
export class LockedSequence {
  readonly #session: SqlSession;
  readonly #schema: string;
  /** The time that a test gives, or null. */
  readonly #now: string | null;
  readonly #id: string;
  /** Number of the claimed letter. */
  readonly claimed: bigint | undefined;

  private constructor(
    session: SqlSession,
    schema: string,
    time: string | null,
    [id, claimed]: readonly [string, string | null],
  ) {
    this.#session = session;
    this.#schema = schema;
    this.#now = time;
    this.#id = id;
    this.claimed = claimed === null ? undefined : BigInt(claimed);
  }

  /** @returns `undefined` if it has no letters */
  static async find(
    session: SqlSession,
    schema: string,
    time: string | null,
    { processor, sequence }: { readonly processor: string; readonly sequence: string },
    token?: string,
  ): Promise<LockedSequence | undefined> {
    const { rows } = await session.run(
      `SELECT id, claimed FROM ${schema}.dead_letter_sequences
         WHERE processor = $1::text AND sequence = $2::text AND ($3::uuid IS NULL OR claim = $3::uuid) FOR UPDATE`,
      [processor, storedKey(sequence), token ?? null],
    );
    const [id, claimed = null] = rows[0] ?? [];
    return typeof id === 'string' ? new LockedSequence(session, schema, time, [id, claimed]) : undefined;
  }

  /** @throws {DeadLetterClaimLostError} the claim is not on it */
  static async claimed(
    session: SqlSession,
    schema: string,
    time: string | null,
    { letter, token }: DeadLetterClaim,
  ): Promise<LockedSequence> {
    const sequence = await LockedSequence.find(session, schema, time, letter, token);
    if (sequence === undefined) throw new DeadLetterClaimLostError(letter);
    return sequence;
  }

  /** Number of its first letter. */
  async first(): Promise<bigint | undefined> {
    const { rows } = await this.#session.run(
      `SELECT number FROM ${this.#schema}.dead_letters WHERE sequence_id = $1::bigint ORDER BY position, part, number LIMIT 1`,
      [this.#id],
    );
    const number = rows[0]?.[0];
    return typeof number === 'string' ? BigInt(number) : undefined;
  }

  /** Removes letters, those of these numbers or all, notes it, and says how many they were. */
  async remove(numbers: readonly bigint[] | undefined, { action, by, reason }: Deed): Promise<number> {
    const { affectedRows } = await this.#session.run(
      `WITH gone AS (
         DELETE FROM ${this.#schema}.dead_letters
           WHERE sequence_id = $2::bigint AND ($3::bigint[] IS NULL OR number = ANY ($3::bigint[])) RETURNING *
       )
       ${this.#noted('gone', '$2', '$4', '$5', '$6')}`,
      [this.#now, this.#id, numbers === undefined ? null : plainArray(numbers), action, by, reason ?? null],
    );
    return affectedRows;
  }

  /** Counts one more try of the claimed letter, which failed, and notes it. */
  async failed(error: DeadLetterError, { action, by, reason }: Deed): Promise<void> {
    await this.#session.run(
      `WITH tried AS (
         UPDATE ${this.#schema}.dead_letters SET attempts = attempts + 1, error = $3::json, retried_at = ${later('0')}
           WHERE number = $7::bigint RETURNING *
       )
       ${this.#noted('tried', '$2', '$4', '$5', '$6')}`,
      [
        this.#now,
        this.#id,
        JSON.stringify(keptError(error)),
        action,
        by,
        reason ?? null,
        String(this.claimed),
      ],
    );
  }

  /** Ends the claim: it is due so many milliseconds from now, or is no more if it has no letters left. */
  async settle(delayMs: number): Promise<void> {
    const { affectedRows } = await this.#session.run(
      `DELETE FROM ${this.#schema}.dead_letter_sequences
         WHERE id = $1::bigint AND NOT EXISTS (SELECT FROM ${this.#schema}.dead_letters WHERE sequence_id = $1::bigint)`,
      [this.#id],
    );
    if (affectedRows > 0) return;
    await this.#session.run(
      `UPDATE ${this.#schema}.dead_letter_sequences SET ${unclaimed}, due_at = ${later('$3')} WHERE id = $2::bigint`,
      [this.#now, this.#id, String(delayMs)],
    );
  }

  #noted(letters: string, id: string, action: string, by: string, reason: string): string {
    return `INSERT INTO ${this.#schema}.dead_letter_audit (at, action, actor, reason, processor, sequence, ${storedColumns})
      SELECT ${later('0')}, ${action}::text, ${by}::text, ${reason}::text, s.processor, s.sequence, ${storedColumns}
        FROM ${letters} CROSS JOIN (SELECT processor, sequence FROM ${this.#schema}.dead_letter_sequences WHERE id = ${id}::bigint) s
        ORDER BY position, part, number`;
  }
}
