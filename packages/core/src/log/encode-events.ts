import type { NewEvent } from '../messages/event.js';
import { newId } from '../messages/ids.js';
import type { Codec } from '../schema/codec.js';

/** An event ready to be written: complete, and its data and metadata text. */
export interface EncodedEvent {
  /** Canonical, lower case. */
  readonly id: string;
  /** True when the caller gave the id: only then can the event be in the stream already. */
  readonly idGiven: boolean;
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: string;
  readonly metadata: string;
}

/**
 * Encodes the events of one append that was checked. All of them, before any is written.
 *
 * @throws {SerializationError} an event's data or metadata cannot be held; its path starts as `events[2].data`
 */
export const encodeEvents = (events: readonly NewEvent[], codec: Codec): readonly EncodedEvent[] =>
  events.map((event, index) => ({
    id: event.id?.toLowerCase() ?? newId(),
    idGiven: event.id !== undefined,
    type: event.type,
    schemaVersion: event.schemaVersion ?? 1,
    data: codec.encode(event.data, `events[${index}].data`),
    metadata: event.metadata === undefined ? '{}' : codec.encode(event.metadata, `events[${index}].metadata`),
  }));
