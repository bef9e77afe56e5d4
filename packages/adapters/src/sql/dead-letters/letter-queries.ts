import { auditNumber, checkLimit, placeOf } from '@tidemark/core';
import type {
  Clock,
  Codec,
  DeadLetter,
  DeadLetterAction,
  DeadLetterAuditEntry,
  DeadLetterAuditQuery,
  DeadLetterCount,
  DeadLetterPage,
  DeadLetterSequence,
} from '@tidemark/core';
import { textArray } from '../array-literal.js';
import type { SqlRow, SqlSession } from '../driver.js';
import type { SchemaNames } from '../schema-names.js';
import { now } from '../store-time.js';
import { timeOf } from '../text-time.js';
import { letterColumns, letterOf, letterWidth } from './letter-rows.js';
import { keyOf, storedKey } from './sequence-key.js';

/** What is asked of dead letters without changing them; see {@link DeadLetterStore}. */
export class LetterQueries {
  readonly #session: SqlSession;
  readonly #schema: string;
  readonly #codec: Codec;
  readonly #clock: Clock | undefined;

  constructor(session: SqlSession, names: SchemaNames, codec: Codec, clock: Clock | undefined) {
    this.#session = session;
    this.#schema = names.quoted;
    this.#codec = codec;
    this.#clock = clock;
  }

  async parked(processor: string, sequences: readonly string[]): Promise<ReadonlySet<string>> {
    if (sequences.length === 0) return new Set();
    const keys = sequences.map((sequence, index) => storedKey(sequence, `sequences[${index}]`));
    const { rows } = await this.#session.run(
      `SELECT sequence FROM ${this.#schema}.dead_letter_sequences
         WHERE processor = $1::text AND sequence = ANY ($2::text[])`,
      [processor, textArray(keys)],
    );
    return new Set(rows.map(([key]) => keyOf(key as string)));
  }

  async sequences(
    processor: string,
    { limit = 100, after }: DeadLetterPage = {},
  ): Promise<readonly DeadLetterSequence[]> {
    checkLimit(limit);
    const { rows } = await this.#session.run(
      `SELECT ${letterColumns}, c.letters, date_part('epoch', s.due_at),
              CASE WHEN s.claimed_until > ${now} THEN date_part('epoch', s.claimed_until) END
         FROM (SELECT * FROM ${this.#schema}.dead_letter_sequences
                 WHERE processor = $2::text AND ($3::text IS NULL OR sequence > $3::text)
                 ORDER BY sequence LIMIT $4::bigint) s
         CROSS JOIN LATERAL (SELECT * FROM ${this.#schema}.dead_letters WHERE sequence_id = s.id
                               ORDER BY position, part, number LIMIT 1) l
         CROSS JOIN LATERAL (SELECT count(*) AS letters FROM ${this.#schema}.dead_letters WHERE sequence_id = s.id) c
         ORDER BY s.sequence`,
      [
        this.#clock?.now().toISOString() ?? null,
        processor,
        after === undefined ? null : storedKey(after, 'after'),
        String(limit),
      ],
    );
    return rows.map((row) => sequenceOf(row, this.#codec));
  }

  async letters(
    processor: string,
    sequence: string,
    { limit = 100, after }: DeadLetterPage = {},
  ): Promise<readonly DeadLetter[]> {
    checkLimit(limit);
    const place = after === undefined ? undefined : placeOf(after, 'after');
    const { rows } = await this.#session.run(
      `SELECT ${letterColumns}
         FROM ${this.#schema}.dead_letter_sequences s JOIN ${this.#schema}.dead_letters l ON l.sequence_id = s.id
         WHERE s.processor = $1::text AND s.sequence = $2::text
           AND ($3::bigint IS NULL OR (l.position, l.part, l.number) > ($3::bigint, $4::integer, $5::bigint))
         ORDER BY l.position, l.part, l.number LIMIT $6::bigint`,
      [
        processor,
        storedKey(sequence),
        place === undefined ? null : String(place.position),
        place === undefined ? null : String(place.part),
        place === undefined ? null : String(place.number),
        String(limit),
      ],
    );
    return rows.map((row) => letterOf(row, this.#codec));
  }

  async count(processor?: string): Promise<readonly DeadLetterCount[]> {
    const { rows } = await this.#session.run(
      `SELECT s.processor, count(DISTINCT s.id), count(*)
         FROM ${this.#schema}.dead_letter_sequences s JOIN ${this.#schema}.dead_letters l ON l.sequence_id = s.id
         WHERE $1::text IS NULL OR s.processor = $1::text
         GROUP BY s.processor ORDER BY s.processor`,
      [processor ?? null],
    );
    return rows.map(([name, sequences, letters]) => ({
      processor: name as string,
      sequences: Number(sequences),
      letters: Number(letters),
    }));
  }

  async audit(query: DeadLetterAuditQuery = {}): Promise<readonly DeadLetterAuditEntry[]> {
    const { processor, sequence, action, limit = 100, after } = query;
    checkLimit(limit);
    const { rows } = await this.#session.run(
      `SELECT ${letterColumns}, l.id, date_part('epoch', l.at), l.action, l.actor, l.reason
         FROM ${this.#schema}.dead_letter_audit l CROSS JOIN LATERAL (SELECT l.processor, l.sequence) s
         WHERE ($1::text IS NULL OR l.processor = $1::text) AND ($2::text IS NULL OR l.sequence = $2::text)
           AND ($3::text IS NULL OR l.action = $3::text) AND ($4::bigint IS NULL OR l.id < $4::bigint)
         ORDER BY l.id DESC LIMIT $5::bigint`,
      [
        processor ?? null,
        sequence === undefined ? null : storedKey(sequence),
        action ?? null,
        after === undefined ? null : String(auditNumber(after)),
        String(limit),
      ],
    );
    return rows.map((row) => auditEntryOf(row, this.#codec));
  }
}

const sequenceOf = (row: SqlRow, codec: Codec): DeadLetterSequence => {
  const first = letterOf(row, codec);
  const [letters, dueAt, claimedUntil = null] = row.slice(letterWidth);
  return {
    processor: first.processor,
    sequence: first.sequence,
    letters: Number(letters),
    first,
    dueAt: timeOf(dueAt as string),
    ...(claimedUntil === null ? {} : { claimedUntil: timeOf(claimedUntil) }),
  };
};

const auditEntryOf = (row: SqlRow, codec: Codec): DeadLetterAuditEntry => {
  const [id, at, action, by, reason = null] = row.slice(letterWidth);
  return {
    id: id as string,
    at: timeOf(at as string),
    action: action as DeadLetterAction,
    by: by as string,
    ...(reason === null ? {} : { reason }),
    letter: letterOf(row, codec),
  };
};
