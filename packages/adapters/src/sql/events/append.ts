import { ConcurrencyError, encodeEvents, StreamTombstonedError } from '@tidemark/core';
import type {
  AppendResult,
  Clock,
  Codec,
  EncodedEvent,
  ExpectedVersion,
  RecordedEvent,
  StreamAppend,
} from '@tidemark/core';
import { plainArray, textArray } from '../array-literal.js';
import { jsonArray } from '../binary-array.js';
import type { SqlParameter, SqlRow, SqlSession } from '../driver.js';
import type { SchemaNames } from '../schema-names.js';
import { appendSingle } from './append-single.js';
import { appendSingles } from './append-singles.js';
import { EventRows } from './event-rows.js';

/** An append that was checked and encoded: nothing about it can fail any more but the database's answer. */
export interface EncodedAppend {
  readonly stream: string;
  readonly expected: ExpectedVersion;
  readonly events: readonly EncodedEvent[];
}

/** @throws {SerializationError} */
export const encodeAppend = (
  { stream, events, expectedVersion }: StreamAppend,
  codec: Codec,
): EncodedAppend => ({
  stream,
  expected: expectedVersion ?? 'any',
  events: encodeEvents(events, codec),
});

/** The number that stands for an expected version in SQL. */
export const expectedCode = (expected: ExpectedVersion): number => {
  switch (expected) {
    case 'no-stream':
      return -1;
    case 'any':
      return -2;
    case 'stream-exists':
      return -3;
    default:
      // No stream can be there: the largest version that a column holds is one less.
      return Math.min(expected, 2 ** 31 - 1);
  }
};

/** What became of an append: its result, or the error for whoever asked for it. */
export type AppendOutcome = AppendResult | ConcurrencyError | StreamTombstonedError;

/** Reads the array that the SQL functions answer with; append_one says what is in it. */
export const outcomeOf = (
  row: SqlRow | undefined,
  { stream, expected, events }: EncodedAppend,
): AppendOutcome => {
  const [outcome, version, position, duplicate] = (row?.[0] ?? '{}').slice(1, -1).split(',');
  switch (outcome) {
    case '0':
    case '1':
      return {
        stream,
        version: Number(version),
        position: BigInt(position as string),
        alreadyAppended: outcome === '1',
      };
    case '2': {
      const actual = version === 'NULL' ? undefined : Number(version);
      return new ConcurrencyError(stream, expected, actual, events[Number(duplicate) - 1]?.id);
    }
    case '3':
      return new StreamTombstonedError(stream);
    default:
      throw new Error(
        `The database answered an append to stream "${stream}" with the unknown outcome ${outcome}.`,
      );
  }
};

const isGiven = (events: readonly EncodedEvent[]): boolean => events.some((event) => event.idGiven);

const columnsOf = (events: readonly EncodedEvent[]): readonly SqlParameter[] => [
  textArray(events.map((event) => event.id)),
  textArray(events.map((event) => event.type)),
  plainArray(events.map((event) => event.schemaVersion)),
  jsonArray(events.map((event) => event.data)),
  jsonArray(events.map((event) => event.metadata)),
];

/** Calls the append functions. Time is the database's, unless a clock is given. */
export class AppendFunctions {
  readonly #single: string;
  readonly #singleGiven: string;
  readonly #singles: string;
  readonly #singlesGiven: string;
  readonly #one: string;
  readonly #many: string;
  readonly #rows: EventRows;
  readonly #clock: Clock | undefined;

  constructor(names: SchemaNames, codec: Codec, clock: Clock | undefined) {
    this.#rows = new EventRows(codec);
    this.#clock = clock;
    this.#single = names.fill(appendSingle(false));
    this.#singleGiven = names.fill(appendSingle(true));
    this.#singles = names.fill(appendSingles(false));
    this.#singlesGiven = names.fill(appendSingles(true));
    this.#one = names.fill(
      'SELECT {schema}.append_one($1::text, $2::integer, $3::boolean, $4::uuid[], $5::text[], $6::integer[], $7::json[], $8::json[], $9::timestamptz)',
    );
    this.#many = names.fill(
      'SELECT {schema}.append_many($1::text[], $2::integer[], $3::boolean[], $4::integer[], $5::boolean, $6::integer[], $7::integer[], $8::uuid[], $9::text[], $10::integer[], $11::json[], $12::json[], $13::timestamptz)',
    );
  }

  async one(session: SqlSession, append: EncodedAppend): Promise<AppendOutcome> {
    const { stream, expected, events } = append;
    const [only, second] = events;
    if (only !== undefined && second === undefined) {
      const unhindered = await session.run(only.idGiven ? this.#singleGiven : this.#single, [
        stream,
        String(expectedCode(expected)),
        only.id,
        only.type,
        String(only.schemaVersion),
        only.data,
        only.metadata,
        this.#now(),
      ]);
      const [row] = unhindered.rows;
      if (row !== undefined) return this.#withRecorded(outcomeOf(row, append), append, row[1]);
    }
    const { rows } = await session.run(this.#one, [
      stream,
      String(expectedCode(expected)),
      String(isGiven(events)),
      ...columnsOf(events),
      this.#now(),
    ]);
    return outcomeOf(rows[0], append);
  }

  /**
   * One event to each of several streams, none of them twice. Those that something stands in the way of are decided on
   * together, behind the others.
   */
  async singles(session: SqlSession, appends: readonly EncodedAppend[]): Promise<readonly AppendOutcome[]> {
    const events = appends.flatMap((append) => append.events);
    const { rows } = await session.run(isGiven(events) ? this.#singlesGiven : this.#singles, [
      textArray(appends.map(({ stream }) => stream)),
      plainArray(appends.map(({ expected }) => expectedCode(expected))),
      ...columnsOf(events),
      this.#now(),
    ]);
    const unhindered = new Map(rows.map((row) => [row[0], row.slice(1)]));
    const hindered = appends.filter(({ stream }) => !unhindered.has(stream));
    const decided = hindered.length === 0 ? [] : await this.many(session, hindered, false);
    const outcomes = new Map(hindered.map(({ stream }, index) => [stream, decided[index]]));
    return appends.map((append) => {
      const row = unhindered.get(append.stream);
      return outcomes.get(append.stream) ?? this.#withRecorded(outcomeOf(row, append), append, row?.[1]);
    });
  }

  /**
   * One call for several streams, none of them twice.
   *
   * @param atomic all or nothing: then, if one outcome is an error, no event was written
   */
  async many(
    session: SqlSession,
    appends: readonly EncodedAppend[],
    atomic: boolean,
  ): Promise<readonly AppendOutcome[]> {
    const events = appends.flatMap((append) => append.events);
    const { rows } = await session.run(this.#many, [
      textArray(appends.map(({ stream }) => stream)),
      plainArray(appends.map(({ expected }) => expectedCode(expected))),
      plainArray(appends.map((append) => isGiven(append.events))),
      plainArray(appends.map((append) => append.events.length)),
      String(atomic),
      plainArray(appends.flatMap((append, index) => append.events.map(() => index + 1))),
      plainArray(appends.flatMap((append) => append.events.map((_, index) => index + 1))),
      ...columnsOf(events),
      this.#now(),
    ]);
    // Behind the first refusal of an atomic append nothing was decided on any more.
    return appends.flatMap((append, index) =>
      rows[index]?.[0]?.startsWith('{NULL') === true ? [] : [outcomeOf(rows[index], append)],
    );
  }

  /**
   * Appends all or nothing.
   *
   * @throws {ConcurrencyError} and {StreamTombstonedError}: the first one that was refused
   */
  async atomically(session: SqlSession, appends: readonly EncodedAppend[]): Promise<readonly AppendResult[]> {
    const [first] = appends;
    const outcomes =
      appends.length === 1 && first !== undefined
        ? [await this.one(session, first)]
        : await this.many(session, appends, true);
    return outcomes.map((outcome) => {
      if (outcome instanceof Error) throw outcome;
      return outcome;
    });
  }

  /** The event as a reader gets it, which needs no reading: all but place and time is what was written. */
  #withRecorded(
    outcome: AppendOutcome,
    { stream, events }: EncodedAppend,
    seconds: string | null | undefined,
  ): AppendOutcome {
    const [event] = events;
    if (outcome instanceof Error || event === undefined || typeof seconds !== 'string') return outcome;
    const { id, type, schemaVersion, data, metadata } = event;
    const { version, position } = outcome;
    const row = [position, stream, version, id, type, schemaVersion, data, metadata, seconds].map(String);
    return { ...outcome, recorded: (): readonly RecordedEvent[] => [this.#rows.decode(row)] };
  }

  #now(): string | null {
    return this.#clock?.now().toISOString() ?? null;
  }
}
