import { setImmediate } from 'node:timers/promises';
import { defaultBatchSize, StreamTombstonedError } from '@tidemark/core';
import type { Clock, Codec, ReadStreamOptions, RecordedEvent, StreamMetadata } from '@tidemark/core';
import type { SqlRow, SqlRows, SqlSession } from '../driver.js';
import type { SchemaNames } from '../schema-names.js';
import { eventColumns, type EventRows } from './event-rows.js';

/** More than any version; what a missing upper end is. */
const beyond = 2 ** 31 - 1;

/** Which versions of a stream are still to be read, both ends inclusive. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * Reads one stream in pages by version.
 *
 * The stream's row in `streams`, which hardly any stream has, comes along with the first page: a stream without one, a new
 * one too, costs one statement. Where there is one, the page is thrown away and read again within what may be seen.
 */
export class StreamReader {
  readonly #session: SqlSession;
  readonly #rows: EventRows;
  readonly #codec: Codec;
  readonly #clock: Clock | undefined;
  readonly #firstPage: (descending: boolean) => string;
  readonly #nextPage: (descending: boolean) => string;
  readonly #lastVersion: string;
  readonly #readsAhead: boolean;

  /** @param readsAhead whether the database is to be at work on a page while the one before is decoded and used */
  constructor(
    session: SqlSession,
    names: SchemaNames,
    rows: EventRows,
    codec: Codec,
    clock: Clock | undefined,
    readsAhead: boolean,
  ) {
    this.#readsAhead = readsAhead;
    this.#session = session;
    this.#rows = rows;
    this.#codec = codec;
    this.#clock = clock;
    const page = (descending: boolean): string =>
      names.fill(
        `SELECT ${eventColumns} FROM {schema}.all_events e
           WHERE e.stream = $1::text AND e.version >= $2::integer AND e.version <= $3::integer
             AND ($5::timestamptz IS NULL OR e.recorded_at > $5::timestamptz)
           ORDER BY e.version ${descending ? 'DESC' : 'ASC'} LIMIT $4::bigint`,
      );
    const state = names.fill(
      `SELECT NULL::bigint, s.stream, s.first_version, NULL::uuid, NULL::text, s.tombstoned::integer, s.settings, NULL::json, NULL::float8
         FROM {schema}.streams s WHERE s.stream = $1::text`,
    );
    this.#nextPage = chosen(page);
    this.#firstPage = chosen((descending) => `${state} UNION ALL (${page(descending)})`);
    this.#lastVersion = names.fill(
      `SELECT coalesce(max(e.version), -1), date_part('epoch', clock_timestamp()) FROM {schema}.events e WHERE e.stream = $1::text`,
    );
  }

  async *read(
    stream: string,
    options: ReadStreamOptions,
  ): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    const { batchSize = defaultBatchSize, signal } = options;
    const descending = options.direction === 'backwards';
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    let range: Range = {
      from: (descending ? options.to : options.from) ?? 0,
      to: (descending ? options.from : options.to) ?? beyond,
    };
    let oldest: string | null = null;
    let text = this.#firstPage(descending);
    let asked: Promise<SqlRows> | undefined;
    signal?.throwIfAborted();
    while (left > 0 && range.from <= range.to) {
      const size = Math.min(left, batchSize);
      const page = asked ?? this.#page(text, stream, range, size, oldest);
      const { rows } = await page;
      asked = undefined;
      text = this.#nextPage(descending);
      const state = rows.find(isState);
      if (state !== undefined) {
        const visible = await this.#visible(stream, state);
        range = { from: Math.max(range.from, visible.first), to: range.to };
        oldest = visible.oldest;
        continue;
      }
      const shown = rows.slice(0, size);
      const last = shown.at(-1)?.[2];
      if (last === undefined) return;
      range = descending
        ? { from: range.from, to: Number(last) - 1 }
        : { from: Number(last) + 1, to: range.to };
      left -= shown.length;
      const follows = rows.length > size;
      if (follows && this.#readsAhead && options.limit === undefined) {
        asked = this.#page(text, stream, range, size, oldest);
        // Whoever reads on hears of it; whoever does not need not.
        asked.catch(() => undefined);
        // Decoding blocks everything: first the question must be on its way.
        await setImmediate();
      }
      yield shown.map((row) => this.#rows.decode(row));
      signal?.throwIfAborted();
      if (!follows) return;
    }
  }

  #page(
    text: string,
    stream: string,
    { from, to }: Range,
    size: number,
    oldest: string | null,
  ): Promise<SqlRows> {
    // One more says whether anything follows, which costs less than another look.
    return this.#session.run(text, [
      stream,
      String(clamp(from)),
      String(clamp(to)),
      String(size + 1),
      oldest,
    ]);
  }

  /**
   * What may be seen of a stream with a row in `streams`.
   *
   * @throws {StreamTombstonedError}
   */
  async #visible(
    stream: string,
    [, , firstVersion, , , tombstoned, settings]: SqlRow,
  ): Promise<{ readonly first: number; readonly oldest: string | null }> {
    if (tombstoned === '1') throw new StreamTombstonedError(stream);
    const { maxAge, maxCount, truncateBefore } = this.#codec.decode(settings as string) as StreamMetadata;
    let first = Math.max(Number(firstVersion), truncateBefore ?? 0);
    if (maxAge === undefined && maxCount === undefined) return { first, oldest: null };
    const { rows } = await this.#session.run(this.#lastVersion, [stream]);
    if (maxCount !== undefined) first = Math.max(first, Number(rows[0]?.[0]) - maxCount + 1);
    if (maxAge === undefined) return { first, oldest: null };
    const now = this.#clock?.now().getTime() ?? Number(rows[0]?.[1]) * 1000;
    return { first, oldest: new Date(now - maxAge * 1000).toISOString() };
  }
}

const isState = (row: SqlRow): boolean => row[0] === null;

const clamp = (version: number): number => Math.min(version, beyond);

/** Both texts made once. */
const chosen = (make: (descending: boolean) => string): ((descending: boolean) => string) => {
  const forwards = make(false);
  const backwards = make(true);
  return (descending) => (descending ? backwards : forwards);
};
