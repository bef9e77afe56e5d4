import type { Metadata } from './metadata.js';

/** An event about to be appended, as the log takes it: its data is plain JSON. */
export interface NewEvent<Type extends string = string, Data = unknown> {
  /** UUID. Appending the same ids again at the same place is answered as the first time. Default: a new UUID v7. */
  readonly id?: string | undefined;
  /** The stable name of the event type. */
  readonly type: Type;
  /** The version of the type's schema, from 1. Default: 1. */
  readonly schemaVersion?: number | undefined;
  /** The event's data: anything that JSON can hold. */
  readonly data: Data;
  readonly metadata?: Metadata | undefined;
}

/** An event as it stands in the log. */
export interface RecordedEvent<Type extends string = string, Data = unknown> {
  /** UUID, unique within its stream. */
  readonly id: string;
  readonly stream: string;
  /** Place in its stream, from 0, without gaps. */
  readonly version: number;
  /** Place in the whole log: grows with every event, may have gaps. */
  readonly position: bigint;
  readonly type: Type;
  readonly schemaVersion: number;
  readonly data: Data;
  readonly metadata: Metadata;
  /** When it was recorded, by the store's clock. */
  readonly recordedAt: Date;
}

/** A message without a class: what deciders take and give. */
export interface Message<Type extends string = string, Data = unknown> {
  readonly type: Type;
  readonly data: Data;
}
