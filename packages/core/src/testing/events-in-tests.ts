import type { NewEvent, RecordedEvent } from '../messages/event.js';
import { newId } from '../messages/ids.js';
import type { Metadata } from '../messages/metadata.js';
import { jsonCodec } from '../schema/codec.js';
import type { Schema } from '../schema/schema.js';

/** An event as tests give it: an instance of an event class, or `{ type, data }`, or an old one with its `schemaVersion`. */
export type GivenEvent = object;

/** An event of an old version, as a store would hold it. */
export interface StoredOldEvent {
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: unknown;
  readonly metadata?: Metadata | undefined;
}

/** The event as if it had been appended and read: data and metadata are written as JSON and back. */
export const recorded = (
  schema: Schema,
  event: GivenEvent,
  stream: string,
  version: number,
): RecordedEvent => {
  const { id, type, schemaVersion, data, metadata }: NewEvent = isStored(event)
    ? event
    : schema.toEvent(event, {});
  return {
    id: id ?? newId(),
    stream,
    version,
    position: BigInt(version + 1),
    type,
    schemaVersion: schemaVersion ?? 1,
    data: roundTrip(data, 'data'),
    metadata: roundTrip(metadata ?? {}, 'metadata') as Metadata,
    recordedAt: new Date('2026-01-01T00:00:00Z'),
  };
};

/** What of an event tests compare: its type, and its data as a store would hold it. */
export const comparable = (
  schema: Schema,
  event: object,
): { readonly type: string; readonly data: unknown } => {
  const { type, data } = isStored(event) ? event : schema.toEvent(event, {});
  return { type, data: roundTrip(data, 'data') };
};

/** True for what was an event of the log's form already: `{ type, schemaVersion, data }`. */
const isStored = (event: object): event is NewEvent & StoredOldEvent =>
  'schemaVersion' in event && 'type' in event && 'data' in event;

const roundTrip = (value: unknown, where: string): unknown =>
  jsonCodec.decode(jsonCodec.encode(value, where));
