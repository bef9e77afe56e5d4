import { compileFilter, jsonCodec } from '@tidemark/core';
import type { Codec, EventFilter, RecordedEvent } from '@tidemark/core';
import { textArray } from '../array-literal.js';
import type { SqlParameter, SqlRow, SqlSession } from '../driver.js';
import type { SchemaNames } from '../schema-names.js';
import { eventColumns, type EventRows } from './event-rows.js';
import { isStorable } from './row-filter.js';

/**
 * Most positions that one statement looks at, so that a filter that matches nothing ends soon, and so that a plan that sorts in
 * place of following the index, as PostgreSQL makes where it knows nothing of the table yet, never sorts the rest of the log.
 */
const mostScanned = 10_000n;

/** A part of the log, both ends inclusive. */
export interface LogRange {
  readonly from: bigint;
  readonly to: bigint;
}

/** What one statement found in a range, beginning at the end that it is read from. */
export interface RawPage {
  readonly rows: readonly SqlRow[];
  /** What is left to be read; empty where `from > to`. */
  readonly rest: LogRange;
}

/** The same, decoded. */
export interface LogPage {
  readonly events: readonly RecordedEvent[];
  readonly rest: LogRange;
}

/**
 * Reads the whole log in pages by position.
 *
 * Types, stream prefixes and times are compared in SQL. Metadata is text there (a `json` operator would fail on `\u0000`
 * anywhere in it), so SQL only looks whether `"key":value` occurs in it, as our codec writes it, and the exact condition is
 * checked on what is left.
 */
export class LogPages {
  readonly #session: SqlSession;
  readonly #rows: EventRows;
  readonly #knowsText: boolean;
  readonly #plain: Readonly<Record<'forwards' | 'backwards', string>>;
  readonly #filtered: Readonly<Record<'forwards' | 'backwards', string>>;

  constructor(session: SqlSession, names: SchemaNames, rows: EventRows, codec: Codec) {
    this.#session = session;
    this.#rows = rows;
    this.#knowsText = codec === jsonCodec;
    const select = (conditions: string, order: string): string =>
      names.fill(
        `SELECT ${eventColumns} FROM {schema}.all_events e
           WHERE e.position >= $1::bigint AND e.position <= $2::bigint ${conditions}
           ORDER BY e.position ${order} LIMIT $3::bigint`,
      );
    const conditions = `
      AND ($4::text[] IS NULL OR e.type = ANY ($4::text[]))
      AND ($5::text[] IS NULL OR EXISTS (SELECT FROM unnest($5::text[]) p(prefix) WHERE starts_with(e.stream, p.prefix)))
      AND ($6::timestamptz IS NULL OR e.recorded_at >= $6::timestamptz)
      AND ($7::timestamptz IS NULL OR e.recorded_at < $7::timestamptz)
      AND ($8::text[] IS NULL OR NOT EXISTS (
        SELECT FROM unnest($8::text[]) m(part) WHERE strpos(e.metadata::text, m.part) = 0
      ))`;
    this.#plain = { forwards: select('', 'ASC'), backwards: select('', 'DESC') };
    this.#filtered = { forwards: select(conditions, 'ASC'), backwards: select(conditions, 'DESC') };
  }

  /** @param limit most events in the page; from 1 */
  async fetch(
    range: LogRange,
    limit: number,
    direction: 'forwards' | 'backwards',
    filter: EventFilter | undefined,
  ): Promise<RawPage> {
    const forwards = direction === 'forwards';
    const looked = part(range, forwards);
    const bounds = [String(looked.from), String(looked.to), String(limit)];
    const { rows } =
      filter === undefined
        ? await this.#session.run(this.#plain[direction], bounds)
        : await this.#session.run(this.#filtered[direction], [...bounds, ...this.#conditions(filter)]);
    const last = rows.length < limit ? undefined : rows.at(-1)?.[0];
    const reached = last === undefined || last === null ? undefined : BigInt(last);
    return {
      rows,
      rest: forwards
        ? { from: (reached ?? looked.to) + 1n, to: range.to }
        : { from: range.from, to: (reached ?? looked.from) - 1n },
    };
  }

  /** The events of a page that the filter it was fetched with wants. */
  decode({ rows }: RawPage, filter: EventFilter | undefined): readonly RecordedEvent[] {
    const found = rows.map((row) => this.#rows.decode(row));
    return filter?.metadata === undefined ? found : found.filter(compileFilter(filter));
  }

  #conditions({
    types,
    streamPrefixes,
    metadata,
    recordedFrom,
    recordedBefore,
  }: EventFilter): SqlParameter[] {
    const parts =
      metadata === undefined || !this.#knowsText
        ? undefined
        : Object.entries(metadata).map(([key, value]) => JSON.stringify({ [key]: value }).slice(1, -1));
    return [
      arrayOrNull(types),
      arrayOrNull(streamPrefixes),
      recordedFrom?.toISOString() ?? null,
      recordedBefore?.toISOString() ?? null,
      arrayOrNull(parts),
    ];
  }
}

/** The part of a range that one statement may look at. */
const part = ({ from, to }: LogRange, forwards: boolean): LogRange => {
  if (to - from < mostScanned) return { from, to };
  return forwards ? { from, to: from + mostScanned - 1n } : { from: to - mostScanned + 1n, to };
};

/** Text that PostgreSQL cannot hold can match nothing there. */
const arrayOrNull = (values: readonly string[] | undefined): SqlParameter =>
  values === undefined ? null : textArray(values.filter(isStorable));
