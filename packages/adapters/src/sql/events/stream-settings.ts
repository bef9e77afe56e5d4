import {
  checkExpectedVersion,
  checkStreamMetadata,
  checkStreamName,
  StreamTombstonedError,
} from '@tidemark/core';
import type { AppendOptions, Codec, StreamMetadata } from '@tidemark/core';
import type { SqlSession } from '../driver.js';
import type { SchemaNames } from '../schema-names.js';
import { expectedCode, outcomeOf } from './append.js';

/** What is known of a stream beside its events: settings, and that it was deleted. */
export class StreamSettings {
  readonly #session: SqlSession;
  readonly #codec: Codec;
  readonly #select: string;
  readonly #upsert: string;
  readonly #delete: string;

  constructor(session: SqlSession, names: SchemaNames, codec: Codec) {
    this.#session = session;
    this.#codec = codec;
    this.#select = names.fill(
      'SELECT tombstoned::integer, settings FROM {schema}.streams WHERE stream = $1::text',
    );
    this.#upsert = names.fill(
      `INSERT INTO {schema}.streams AS s (stream, settings) VALUES ($1::text, $2::json)
         ON CONFLICT (stream) DO UPDATE SET settings = excluded.settings WHERE NOT s.tombstoned`,
    );
    this.#delete = names.fill('SELECT {schema}.delete_stream($1::text, $2::integer, $3::boolean)');
  }

  /** @throws {StreamTombstonedError} */
  async get(stream: string): Promise<StreamMetadata> {
    checkStreamName(stream);
    const { rows } = await this.#session.run(this.#select, [stream]);
    if (rows[0]?.[0] === '1') throw new StreamTombstonedError(stream);
    return this.#codec.decode(rows[0]?.[1] ?? '{}') as StreamMetadata;
  }

  /** @throws {StreamTombstonedError} */
  async set(stream: string, metadata: StreamMetadata): Promise<void> {
    checkStreamName(stream);
    checkStreamMetadata(metadata);
    const text = this.#codec.encode(metadata, 'metadata');
    const { affectedRows } = await this.#session.run(this.#upsert, [stream, text]);
    if (affectedRows === 0) throw new StreamTombstonedError(stream);
  }

  /** @throws {ConcurrencyError} and {StreamTombstonedError} */
  async delete(
    stream: string,
    { expectedVersion = 'any' }: AppendOptions,
    tombstone: boolean,
  ): Promise<void> {
    checkStreamName(stream);
    checkExpectedVersion(expectedVersion);
    const { rows } = await this.#session.run(this.#delete, [
      stream,
      String(expectedCode(expectedVersion)),
      String(tombstone),
    ]);
    if (rows[0]?.[0]?.startsWith('{0') === true) return;
    const outcome = outcomeOf(rows[0], { stream, expected: expectedVersion, events: [] });
    if (outcome instanceof Error) throw outcome;
  }
}
