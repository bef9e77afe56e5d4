import {
  InvalidArgumentError,
  jsonCodec,
  type Codec,
  type EncodedEvent,
  type RecordedEvent,
} from '@tidemark/core';
import type { ClientEvent, ClientRecord, ClientResolvedEvent } from './client.js';

/**
 * Keys in the metadata of stored events that are the backend's own. EventStoreDB knows the first two itself, for its
 * projections and for consumers that are pinned by correlation.
 */
const correlationKey = '$correlationId';
const causationKey = '$causationId';
const schemaVersionKey = '$schemaVersion';
const appendKey = '$append';
/** Holds metadata that a codec made something else of than a JSON object. */
const encodedKey = '$encoded';

/** An event of ours, and which append wrote it. */
export interface StoredEvent {
  readonly recorded: RecordedEvent;
  /** The token of the append; only the first event of an append has it, and only if the backend wrote it. */
  readonly token: string | undefined;
}

/** Between our events and those of the server. */
export class EventRecords {
  readonly #codec: Codec;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  /**
   * The events as they are sent. Correlation and causation lie under the names that EventStoreDB knows them by.
   *
   * @param token tells this append from any other
   * @throws {InvalidArgumentError} a type that EventStoreDB keeps for itself
   */
  toClient(events: readonly EncodedEvent[], token: string): readonly ClientEvent[] {
    return events.map(({ id, type, schemaVersion, data, metadata }, index) => {
      if (type.startsWith('$')) {
        throw new InvalidArgumentError(
          `events[${index}].type`,
          'must not start with "$": EventStoreDB keeps such types for itself.',
        );
      }
      const encoded: unknown = JSON.parse(metadata);
      const { correlationId, causationId, ...others } = isObject(encoded)
        ? encoded
        : { [encodedKey]: encoded };
      const stored = {
        ...others,
        ...(correlationId === undefined ? {} : { [correlationKey]: correlationId }),
        ...(causationId === undefined ? {} : { [causationKey]: causationId }),
        ...(schemaVersion === 1 ? {} : { [schemaVersionKey]: schemaVersion }),
        ...(index === 0 ? { [appendKey]: token } : {}),
      };
      return {
        id,
        type,
        contentType: 'application/json',
        // The client writes it as JSON again, and takes any JSON.
        data: JSON.parse(data) as Record<string, unknown>,
        metadata: new Uint8Array(Buffer.from(JSON.stringify(stored))),
      };
    });
  }

  /** Bytes that an event takes in an append. */
  static bytesOf({ data, metadata }: Pick<EncodedEvent, 'data' | 'metadata'>): number {
    return Buffer.byteLength(data) + Buffer.byteLength(metadata);
  }

  /**
   * The event as a reader of its stream gets it. One that a link led to stands where the link stands; a link that leads
   * nowhere any more is itself the event.
   */
  fromStream(resolved: ClientResolvedEvent): StoredEvent | undefined {
    const at = resolved.link ?? resolved.event;
    const event = resolved.event ?? resolved.link;
    if (at === undefined || event === undefined) return undefined;
    const position = resolved.commitPosition ?? at.position?.commit ?? event.position?.commit ?? 0n;
    return this.#record(at, event, position);
  }

  /** The event as a reader of the whole log gets it, or `undefined` for one of the system's own. */
  fromLog(resolved: ClientResolvedEvent): StoredEvent | undefined {
    const event = resolved.link ?? resolved.event;
    if (event === undefined || event.streamId.startsWith('$') || event.type.startsWith('$')) return undefined;
    return this.#record(event, event, positionOf(resolved));
  }

  #record(at: ClientRecord, event: ClientRecord, position: bigint): StoredEvent {
    const stored = isObject(event.metadata) ? event.metadata : {};
    const { [schemaVersionKey]: schemaVersion, [appendKey]: token } = stored;
    return {
      recorded: {
        id: event.id.toLowerCase(),
        stream: at.streamId,
        version: Number(at.revision),
        position,
        type: event.type,
        schemaVersion:
          typeof schemaVersion === 'number' && Number.isInteger(schemaVersion) && schemaVersion > 0
            ? schemaVersion
            : 1,
        data: this.#data(event),
        metadata: this.#metadata(stored),
        recordedAt: new Date(at.created.getTime()),
      },
      token: typeof token === 'string' ? token : undefined,
    };
  }

  /** Binary data, which other programs may have written, comes as base64 text. */
  #data({ isJson, data }: ClientRecord): unknown {
    if (!isJson || data instanceof Uint8Array) return Buffer.from(asBytes(data)).toString('base64');
    return this.#codec === jsonCodec ? data : this.#codec.decode(JSON.stringify(data));
  }

  #metadata(stored: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const plain = withoutOwn(stored);
    if (this.#codec === jsonCodec) return plain;
    const decoded = this.#codec.decode(JSON.stringify(stored[encodedKey] ?? plain));
    return isObject(decoded) ? decoded : {};
  }
}

/** The place of an event in the whole log. */
export const positionOf = ({ link, event, commitPosition }: ClientResolvedEvent): bigint =>
  commitPosition ?? (link ?? event)?.position?.commit ?? 0n;

const asBytes = (data: unknown): Uint8Array => (data instanceof Uint8Array ? data : new Uint8Array());

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

const withoutOwn = (stored: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const metadata: [string, unknown][] = [];
  for (const [key, value] of Object.entries(stored)) {
    if (key === correlationKey) metadata.push(['correlationId', value]);
    else if (key === causationKey) metadata.push(['causationId', value]);
    else if (key !== schemaVersionKey && key !== appendKey) metadata.push([key, value]);
  }
  return Object.fromEntries(metadata);
};
