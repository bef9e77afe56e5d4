import { ConfigurationError } from '../error.js';
import type { RecordedEvent } from '../messages/event.js';
import type { Metadata } from '../messages/metadata.js';
import type { Schema } from '../schema/schema.js';

/** An event with its place in time, as correlations take it. */
export interface TimedEvent {
  readonly event: RecordedEvent;
  /** Its time in milliseconds since 1970: what the correlation's `time` says, or when it was recorded. */
  readonly time: number;
  /** Which it is of those that an upcaster made of one event, from 0. */
  readonly piece: number;
}

/** What a derived event follows from: the event that completed it. */
export interface Origin {
  readonly id: string;
  readonly metadata: Metadata;
}

/** An event while it is part of a stored state: JSON, at the schema version that it was read at. */
export interface StoredEvent {
  readonly id: string;
  readonly stream: string;
  readonly version: number;
  readonly position: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: unknown;
  readonly metadata: Metadata;
  readonly recordedAt: number;
  readonly time: number;
  readonly piece: number;
}

/** A place in the log as text, the same whenever the event is read: ids of what comes of it are made of it. */
export const placeOf = ({ event, piece }: TimedEvent): string =>
  `${event.stream}\0${event.version}${piece === 0 ? '' : `\0${piece}`}`;

export const originOf = ({ event }: TimedEvent): Origin => ({ id: event.id, metadata: event.metadata });

export const toStored = ({ event, time, piece }: TimedEvent): StoredEvent => ({
  id: event.id,
  stream: event.stream,
  version: event.version,
  position: String(event.position),
  type: event.type,
  schemaVersion: event.schemaVersion,
  data: event.data,
  metadata: event.metadata,
  recordedAt: event.recordedAt.getTime(),
  time,
  piece,
});

/**
 * The event as it was read, or as it is read by now if its type has a newer version.
 *
 * @throws {ConfigurationError} an upcaster makes no event of that type of it any more
 */
export const fromStored = (schema: Schema, stored: StoredEvent): TimedEvent => {
  const { time, piece, recordedAt, position, ...rest } = stored;
  const recorded = { ...rest, position: BigInt(position), recordedAt: new Date(recordedAt) };
  const event = schema.readOne(recorded).find(({ type }) => type === stored.type);
  if (event !== undefined) return { event, time, piece };
  throw new ConfigurationError(
    `An event "${stored.type}" of version ${stored.schemaVersion} waits in a correlation, but no event of that type comes of it any ` +
      'more. Let what is open close before such an upcaster is added, or give the correlation a new name.',
  );
};
