import type { RecordedEvent } from '../../messages/event.js';
import type { Metadata } from '../../messages/metadata.js';
import type { EncodedEvent } from '../../log/encode-events.js';
import type { Codec } from '../../schema/codec.js';

/**
 * One event as the memory log keeps it: text. What readers get is made anew for each of them, so that nobody can change
 * what another reads, just as with a database.
 *
 * It is a recorded event itself only so that a filter can look at it; it never leaves the log.
 */
export class StoredEvent implements RecordedEvent {
  readonly id: string;
  readonly stream: string;
  readonly version: number;
  readonly position: bigint;
  readonly type: string;
  readonly schemaVersion: number;
  readonly recordedAt: Date;
  readonly #data: string;
  readonly #metadata: string;
  readonly #codec: Codec;
  #decodedMetadata: Metadata | undefined;

  constructor(
    encoded: EncodedEvent,
    place: { stream: string; version: number; position: bigint; recordedAt: Date },
    codec: Codec,
  ) {
    this.id = encoded.id;
    this.stream = place.stream;
    this.version = place.version;
    this.position = place.position;
    this.type = encoded.type;
    this.schemaVersion = encoded.schemaVersion;
    this.recordedAt = place.recordedAt;
    this.#data = encoded.data;
    this.#metadata = encoded.metadata;
    this.#codec = codec;
  }

  get data(): unknown {
    return this.#codec.decode(this.#data);
  }

  /** Decoded once, for filters only. */
  get metadata(): Metadata {
    this.#decodedMetadata ??= this.#decodeMetadata();
    return this.#decodedMetadata;
  }

  /** The event for one reader. */
  recorded(): RecordedEvent {
    return {
      id: this.id,
      stream: this.stream,
      version: this.version,
      position: this.position,
      type: this.type,
      schemaVersion: this.schemaVersion,
      data: this.data,
      metadata: this.#decodeMetadata(),
      recordedAt: new Date(this.recordedAt),
    };
  }

  #decodeMetadata(): Metadata {
    return this.#metadata === '{}' ? {} : (this.#codec.decode(this.#metadata) as Metadata);
  }
}
