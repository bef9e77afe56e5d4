import { checkName, InvalidArgumentError } from '@tidemark/core';
import type { ClaimOptions, Clock, Codec, Timer, TimerStore } from '@tidemark/core';
import { textArray } from './array-literal.js';
import { jsonArray } from './binary-array.js';
import type { SqlRow, SqlSession } from './driver.js';
import type { SchemaNames } from './schema-names.js';
import { later, now } from './store-time.js';
import { timeOf } from './text-time.js';

const columns = `id, target, date_part('epoch', due_at), payload`;

/** Timers in a table. Time is the database's, so that nodes with skewed clocks agree; only tests give a clock. */
export class SqlTimerStore implements TimerStore {
  readonly #session: SqlSession;
  readonly #table: string;
  readonly #codec: Codec;
  readonly #clock: Clock | undefined;

  constructor(session: SqlSession, names: SchemaNames, codec: Codec, clock: Clock | undefined) {
    this.#session = session;
    this.#table = `${names.quoted}.timers`;
    this.#codec = codec;
    this.#clock = clock;
  }

  async schedule(timers: readonly Timer[]): Promise<void> {
    if (timers.length === 0) return;
    const dueAts = timers.map(({ id, target, dueAt }, index) => {
      checkName(id, `timers[${index}].id`, 500);
      checkName(target, `timers[${index}].target`, 500);
      if (Number.isNaN(dueAt.getTime())) {
        throw new InvalidArgumentError(`timers[${index}].dueAt`, 'must be a valid date');
      }
      return dueAt.toISOString();
    });
    const payloads = timers.map(({ payload }, index) =>
      this.#codec.encode(payload, `timers[${index}].payload`),
    );
    await this.#session.run(
      `INSERT INTO ${this.#table} (id, target, due_at, claimable_at, payload)
         SELECT t.id, t.target, t.due_at, t.due_at, t.payload
           FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::json[])
             WITH ORDINALITY AS t(id, target, due_at, payload, n)
           ORDER BY t.n
         ON CONFLICT (id) DO NOTHING`,
      [
        textArray(timers.map(({ id }) => id)),
        textArray(timers.map(({ target }) => target)),
        textArray(dueAts),
        jsonArray(payloads),
      ],
    );
  }

  async claimDue({ target, limit, claimMs }: ClaimOptions): Promise<readonly Timer[]> {
    if (!Number.isInteger(limit) || limit < 1)
      throw new InvalidArgumentError('limit', 'must be an integer from 1');
    if (!(claimMs > 0)) throw new InvalidArgumentError('claimMs', 'must be above 0');
    const { rows } = await this.#session.run(
      `WITH due AS MATERIALIZED (
         SELECT id FROM ${this.#table}
           WHERE target = $2::text AND claimable_at <= ${now}
           ORDER BY due_at, id
           LIMIT $3::integer
           FOR UPDATE SKIP LOCKED
       ), claimed AS (
         UPDATE ${this.#table} t SET claimable_at = ${later('$4')}
           FROM due WHERE t.id = due.id
           RETURNING t.*
       )
       SELECT ${columns} FROM claimed ORDER BY due_at, id`,
      [this.#now(), target, String(limit), String(claimMs)],
    );
    return rows.map((row) => this.#timer(row));
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#session.run(`DELETE FROM ${this.#table} WHERE id = ANY ($1::text[])`, [textArray(ids)]);
  }

  async untilNextDue(target: string): Promise<number | undefined> {
    const { rows } = await this.#session.run(
      `SELECT date_part('epoch', min(claimable_at) - ${now}) FROM ${this.#table} WHERE target = $2::text`,
      [this.#now(), target],
    );
    const seconds = rows[0]?.[0];
    // Rounded up: who sleeps so long finds the timer due.
    return seconds === null || seconds === undefined
      ? undefined
      : Math.max(Math.ceil(Number(seconds) * 1000), 0);
  }

  async list(target: string, limit = 100): Promise<readonly Timer[]> {
    const { rows } = await this.#session.run(
      `SELECT ${columns} FROM ${this.#table} WHERE target = $1::text ORDER BY due_at, id LIMIT $2::integer`,
      [target, String(limit)],
    );
    return rows.map((row) => this.#timer(row));
  }

  #now(): string | null {
    return this.#clock?.now().toISOString() ?? null;
  }

  #timer([id, target, dueAt, payload]: SqlRow): Timer {
    return {
      id: id as string,
      target: target as string,
      dueAt: timeOf(dueAt as string),
      payload: this.#codec.decode(payload as string),
    };
  }
}
