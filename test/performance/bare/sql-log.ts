import { newId, type NewEvent } from '@tidemark/core';
import type { BareSession, TextRow } from './session.js';

/** The columns of a Tidemark event, with the same types and indexes. */
const table = `
  CREATE TABLE IF NOT EXISTS events (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    id uuid NOT NULL,
    type text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL,
    data json NOT NULL,
    metadata json NOT NULL,
    recorded_at timestamptz(3) NOT NULL DEFAULT clock_timestamp()
  );
  CREATE UNIQUE INDEX IF NOT EXISTS events_stream_version ON events (stream, version);
  CREATE INDEX IF NOT EXISTS events_id ON events (id);
  CREATE TABLE IF NOT EXISTS checkpoints (name text PRIMARY KEY, position bigint NOT NULL);
`;

const columns = 'position, stream, version, id, type, schema_version, data, metadata, recorded_at';

const insertOne = `
  INSERT INTO events (stream, version, id, type, schema_version, data, metadata)
    VALUES ($1::text, $2::integer, $3::uuid, $4::text, $5::integer, $6::json, $7::json) RETURNING position`;

const insertMany = `
  WITH written AS (
    INSERT INTO events (stream, version, id, type, schema_version, data, metadata)
      SELECT $1::text, $2::integer + n - 1, id, type, schema_version, data, metadata
        FROM unnest($3::uuid[], $4::text[], $5::integer[], $6::json[], $7::json[])
          WITH ORDINALITY AS e(id, type, schema_version, data, metadata, n)
      RETURNING position
  ) SELECT max(position) FROM written`;

const pageOfLog = `SELECT ${columns} FROM events WHERE position > $1::bigint ORDER BY position LIMIT 1000`;

const pageOfStream = `
  SELECT ${columns} FROM events WHERE stream = $1::text AND version >= $2::integer ORDER BY version LIMIT 1000`;

const moveCheckpoint = `
  INSERT INTO checkpoints VALUES ($1::text, $2::bigint)
    ON CONFLICT (name) DO UPDATE SET position = excluded.position`;

/** An event as someone without a framework would read it; the time stays text. */
export interface BareEvent {
  readonly position: string;
  readonly stream: string;
  readonly version: number;
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: unknown;
  readonly metadata: unknown;
  readonly recordedAt: string;
}

/** An event log as it is written by hand: one table, an insert, a keyset page. */
export class BareSqlLog {
  readonly session: BareSession;

  private constructor(session: BareSession) {
    this.session = session;
  }

  /** Makes the tables. */
  static async open(session: BareSession): Promise<BareSqlLog> {
    await session.script(table);
    return new BareSqlLog(session);
  }

  close(): Promise<void> {
    return this.session.close();
  }

  /** Writes one event by a prepared statement; the unique index refuses a version that is taken. */
  async appendOne(stream: string, version: number, event: NewEvent): Promise<bigint> {
    const rows = await this.session.run(insertOne, valuesOf(stream, version, event));
    return BigInt(rows[0]?.[0] ?? 0);
  }

  /** The same in the way that the documentation of the library below has it. */
  async appendByQuery(stream: string, version: number, event: NewEvent): Promise<bigint> {
    const rows = await this.session.query(insertOne, valuesOf(stream, version, event));
    return BigInt(rows[0]?.[0] ?? 0);
  }

  /** Writes several events of one stream in one statement. */
  async appendMany(stream: string, version: number, events: readonly NewEvent[]): Promise<bigint> {
    const rows = await this.session.run(insertMany, [
      stream,
      String(version),
      arrayOf(events.map(() => newId())),
      arrayOf(events.map(({ type }) => type)),
      arrayOf(events.map(({ schemaVersion = 1 }) => String(schemaVersion))),
      arrayOf(events.map(({ data }) => JSON.stringify(data))),
      arrayOf(events.map(({ metadata }) => JSON.stringify(metadata))),
    ]);
    return BigInt(rows[0]?.[0] ?? 0);
  }

  /** The next thousand events of the log. */
  async page(after: string): Promise<readonly BareEvent[]> {
    return (await this.session.run(pageOfLog, [after])).map(decoded);
  }

  /** The next thousand events of a stream. */
  async streamPage(stream: string, from = 0): Promise<readonly BareEvent[]> {
    return (await this.session.run(pageOfStream, [stream, String(from)])).map(decoded);
  }

  async moveCheckpoint(name: string, position: string, session = this.session): Promise<void> {
    await session.run(moveCheckpoint, [name, position]);
  }

  async checkpoint(name: string): Promise<bigint> {
    const rows = await this.session.run('SELECT position FROM checkpoints WHERE name = $1::text', [name]);
    return BigInt(rows[0]?.[0] ?? 0);
  }

  async count(): Promise<number> {
    return Number((await this.session.run('SELECT count(*) FROM events'))[0]?.[0]);
  }
}

const valuesOf = (stream: string, version: number, { type, data, metadata }: NewEvent): readonly string[] => [
  stream,
  String(version),
  newId(),
  type,
  '1',
  JSON.stringify(data),
  JSON.stringify(metadata),
];

/** An array as PostgreSQL reads it. */
export const arrayOf = (values: readonly string[]): string =>
  `{${values.map((value) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(',')}}`;

const decoded = (row: TextRow): BareEvent => ({
  position: row[0] as string,
  stream: row[1] as string,
  version: Number(row[2]),
  id: row[3] as string,
  type: row[4] as string,
  schemaVersion: Number(row[5]),
  data: JSON.parse(row[6] as string),
  metadata: JSON.parse(row[7] as string),
  recordedAt: row[8] as string,
});
