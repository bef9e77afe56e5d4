import { randomUUID } from 'node:crypto';
import {
  checkActor,
  checkClaim,
  checkDiscard,
  checkDuration,
  checkLetters,
  checkRequeue,
  DeadLetterClaimLostError,
  keptError,
  placeOf,
} from '@tidemark/core';
import type {
  Clock,
  Codec,
  DeadLetter,
  DeadLetterActor,
  DeadLetterAuditEntry,
  DeadLetterAuditQuery,
  DeadLetterClaim,
  DeadLetterClaimOptions,
  DeadLetterCount,
  DeadLetterPage,
  DeadLetterSequence,
  DeadLetterStore,
  DiscardOptions,
  NewDeadLetter,
  RequeueOptions,
} from '@tidemark/core';
import { plainArray, textArray } from '../array-literal.js';
import type { SqlSession } from '../driver.js';
import type { InTransaction } from '../in-transaction.js';
import type { SchemaNames } from '../schema-names.js';
import { later, now } from '../store-time.js';
import { LetterQueries } from './letter-queries.js';
import { letterColumns, letterOf } from './letter-rows.js';
import { LockedSequence, unclaimed } from './locked-sequence.js';
import { storedKey } from './sequence-key.js';

/**
 * Dead letters in tables. Time is the database's; only tests give a clock.
 *
 * Whoever changes the letters of a sequence locks the row of the sequence first, in a statement of its own: the next one then
 * sees what others did to it before. So a letter that is parked while the last of its sequence goes is never left without one.
 */
export class SqlDeadLetterStore implements DeadLetterStore {
  readonly #session: SqlSession;
  readonly #schema: string;
  readonly #codec: Codec;
  readonly #clock: Clock | undefined;
  readonly #inTransaction: InTransaction;
  readonly #queries: LetterQueries;

  constructor(
    session: SqlSession,
    names: SchemaNames,
    codec: Codec,
    clock: Clock | undefined,
    inTransaction: InTransaction,
  ) {
    this.#session = session;
    this.#schema = names.quoted;
    this.#codec = codec;
    this.#clock = clock;
    this.#inTransaction = inTransaction;
    this.#queries = new LetterQueries(session, names, codec, clock);
  }

  async park(processor: string, letters: readonly NewDeadLetter[]): Promise<void> {
    checkLetters(processor, letters);
    if (letters.length === 0) return;
    const keys = letters.map(({ sequence }, index) => storedKey(sequence, `letters[${index}].sequence`));
    const derived = letters.map(({ derived: data }, index) =>
      data === undefined ? null : this.#codec.encode(data, `letters[${index}].derived`),
    );
    const dueIn = new Map<string, number>();
    for (const [index, key] of keys.entries()) {
      if (!dueIn.has(key)) dueIn.set(key, letters[index]?.dueInMs ?? 0);
    }
    await this.#inTransaction(async (session) => {
      // Everyone in the same order, so that no two wait for each other.
      await session.run(
        `INSERT INTO ${this.#schema}.dead_letter_sequences AS s (processor, sequence, due_at)
           SELECT $2::text, w.sequence, ${later('w.due_in')}
             FROM unnest($3::text[], $4::float8[]) AS w(sequence, due_in) ORDER BY w.sequence COLLATE "C"
           ON CONFLICT (processor, sequence) DO UPDATE SET due_at = s.due_at`,
        [this.#now(), processor, textArray([...dueIn.keys()]), plainArray([...dueIn.values()])],
      );
      await session.run(
        `INSERT INTO ${this.#schema}.dead_letters
             (sequence_id, position, part, stream, version, type, handler, derived, error, attempts, parked_at)
           SELECT s.id, w.position, w.part, w.stream, w.version, w.type, w.handler, w.derived::json, w.error::json,
                  w.attempts, ${later('0')}
             FROM unnest($3::text[], $4::bigint[], $5::integer[], $6::text[], $7::integer[], $8::text[], $9::text[],
                         $10::text[], $11::text[], $12::integer[])
               WITH ORDINALITY
               AS w(sequence, position, part, stream, version, type, handler, derived, error, attempts, n)
             JOIN ${this.#schema}.dead_letter_sequences s ON s.processor = $2::text AND s.sequence = w.sequence
             ORDER BY w.n
           ON CONFLICT DO NOTHING`,
        [
          this.#now(),
          processor,
          textArray(keys),
          plainArray(letters.map(({ position }) => position)),
          plainArray(letters.map(({ part = 0 }) => part)),
          textArray(letters.map(({ stream }) => stream)),
          plainArray(letters.map(({ version }) => version)),
          textArray(letters.map(({ type }) => type)),
          textArray(letters.map(({ handler }) => handler)),
          textArray(derived),
          textArray(
            letters.map(({ error }) => (error === undefined ? null : JSON.stringify(keptError(error)))),
          ),
          plainArray(letters.map(({ attempts }) => attempts)),
        ],
      );
    });
  }

  parked(processor: string, sequences: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#queries.parked(processor, sequences);
  }

  sequences(processor: string, page?: DeadLetterPage): Promise<readonly DeadLetterSequence[]> {
    return this.#queries.sequences(processor, page);
  }

  letters(processor: string, sequence: string, page?: DeadLetterPage): Promise<readonly DeadLetter[]> {
    return this.#queries.letters(processor, sequence, page);
  }

  count(processor?: string): Promise<readonly DeadLetterCount[]> {
    return this.#queries.count(processor);
  }

  async claim(options: DeadLetterClaimOptions): Promise<DeadLetterClaim | undefined> {
    checkClaim(options);
    const { processor, sequence, claimMs } = options;
    const token = randomUUID();
    const { rows } = await this.#session.run(
      `UPDATE ${this.#schema}.dead_letter_sequences SET claim = $4::uuid, claimed_until = ${later('$5')}, claimed = NULL
         WHERE id = (SELECT id FROM ${this.#schema}.dead_letter_sequences
                       WHERE processor = $2::text AND (claimed_until IS NULL OR claimed_until <= ${now})
                         AND ${sequence === undefined ? `$3::text IS NULL AND due_at <= ${now}` : 'sequence = $3::text'}
                       ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING id`,
      [this.#now(), processor, sequence === undefined ? null : storedKey(sequence), token, String(claimMs)],
    );
    const id = rows[0]?.[0];
    if (typeof id !== 'string') return undefined;
    // In a statement of its own, which sees what was done to the sequence before it was claimed. Discarding goes on.
    const claimed = await this.#session.run(
      `UPDATE ${this.#schema}.dead_letter_sequences s SET claimed = l.number
         FROM (SELECT * FROM ${this.#schema}.dead_letters WHERE sequence_id = $1::bigint
                 ORDER BY position, part, number LIMIT 1) l
         WHERE s.id = $1::bigint AND s.claim = $2::uuid
         RETURNING ${letterColumns}`,
      [id, token],
    );
    const [row] = claimed.rows;
    return row === undefined ? undefined : { letter: letterOf(row, this.#codec), token };
  }

  async release({ letter, token }: DeadLetterClaim): Promise<void> {
    await this.#session.run(
      `UPDATE ${this.#schema}.dead_letter_sequences SET ${unclaimed}
         WHERE processor = $1::text AND sequence = $2::text AND claim = $3::uuid`,
      [letter.processor, storedKey(letter.sequence), token],
    );
  }

  async extend({ letter, token }: DeadLetterClaim, claimMs: number): Promise<void> {
    checkDuration(claimMs, 'claimMs');
    const { affectedRows } = await this.#session.run(
      `UPDATE ${this.#schema}.dead_letter_sequences SET claimed_until = ${later('$5')}
         WHERE processor = $2::text AND sequence = $3::text AND claim = $4::uuid`,
      [this.#now(), letter.processor, storedKey(letter.sequence), token, String(claimMs)],
    );
    if (affectedRows === 0) throw new DeadLetterClaimLostError(letter);
  }

  async evict(claim: DeadLetterClaim, { by, reason }: DeadLetterActor): Promise<void> {
    checkActor({ by, reason });
    await this.#inTransaction(async (session) => {
      const sequence = await LockedSequence.claimed(session, this.#schema, this.#now(), claim);
      const { claimed } = sequence;
      await sequence.remove(claimed === undefined ? [] : [claimed], { action: 'handled', by, reason });
      await sequence.settle(0);
    });
  }

  async requeue(claim: DeadLetterClaim, options: RequeueOptions): Promise<void> {
    checkRequeue(options);
    const { by, reason, error, delayMs = 0 } = options;
    await this.#inTransaction(async (session) => {
      const sequence = await LockedSequence.claimed(session, this.#schema, this.#now(), claim);
      await sequence.failed(error, { action: 'requeued', by, reason });
      await sequence.settle(delayMs);
    });
  }

  async discard(options: DiscardOptions): Promise<number> {
    checkDiscard(options);
    const { ids, by, reason } = options;
    const numbers = ids?.map((id, index) => placeOf(id, `ids[${index}]`).number);
    return this.#inTransaction(async (session) => {
      const sequence = await LockedSequence.find(session, this.#schema, this.#now(), options);
      if (sequence === undefined) return 0;
      const head = sequence.claimed ?? (await sequence.first());
      const removed = await sequence.remove(numbers, { action: 'discarded', by, reason });
      const headIsGone = numbers === undefined || (head !== undefined && numbers.includes(head));
      if (headIsGone) await sequence.settle(0);
      return removed;
    });
  }

  audit(query?: DeadLetterAuditQuery): Promise<readonly DeadLetterAuditEntry[]> {
    return this.#queries.audit(query);
  }

  async pruneAudit(olderThanMs: number): Promise<number> {
    if (olderThanMs !== 0) checkDuration(olderThanMs, 'olderThanMs');
    const { affectedRows } = await this.#session.run(
      `DELETE FROM ${this.#schema}.dead_letter_audit WHERE at < ${now} - $2::float8 * interval '1 millisecond'`,
      [this.#now(), String(olderThanMs)],
    );
    return affectedRows;
  }

  #now(): string | null {
    return this.#clock?.now().toISOString() ?? null;
  }
}
