import type { Codec, Metadata, RecordedEvent } from '@tidemark/core';
import type { SqlRow } from '../driver.js';
import { timeOf } from '../text-time.js';

/** The columns that {@link EventRows} reads, in its order. */
export const eventColumns = `e.position, e.stream, e.version, e.id, e.type, e.schema_version, e.data, e.metadata, date_part('epoch', e.recorded_at)`;

/** Makes events of rows. */
export class EventRows {
  readonly #codec: Codec;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  decode(row: SqlRow): RecordedEvent {
    return {
      id: row[3] as string,
      stream: row[1] as string,
      version: Number(row[2]),
      position: BigInt(row[0] as string),
      type: row[4] as string,
      schemaVersion: Number(row[5]),
      data: this.#codec.decode(row[6] as string),
      metadata: row[7] === '{}' ? {} : (this.#codec.decode(row[7] as string) as Metadata),
      recordedAt: timeOf(row[8] as string),
    };
  }
}
