import type { RecordedEvent } from '../messages/event.js';
import { originKey, type Metadata } from '../messages/metadata.js';

/** Where a migrated event came from: the value of the reserved metadata key `$origin`. */
export interface EventOrigin {
  /** Name of the migration that copied it. */
  readonly migration: string;
  readonly id: string;
  readonly stream: string;
  readonly version: number;
  /** A decimal number, as text: positions are larger than JSON numbers are exact. */
  readonly position: string;
  /** When the original was recorded, as an ISO 8601 text. */
  readonly recordedAt: string;
  /** Where the original had come from, if it had been migrated itself. */
  readonly before?: unknown;
}

/** The origin of a migrated event, or `undefined` for one that was not migrated. */
export const originOf = (event: Pick<RecordedEvent, 'metadata'>): EventOrigin | undefined => {
  const origin = event.metadata[originKey];
  return isOrigin(origin) ? origin : undefined;
};

const isOrigin = (value: unknown): value is EventOrigin =>
  typeof value === 'object' && value !== null && 'migration' in value && 'recordedAt' in value;

/** Metadata with the origin of the event that it is made from. */
export const withOrigin = (metadata: Metadata, migration: string, from: RecordedEvent): Metadata => {
  const before = from.metadata[originKey];
  const origin: EventOrigin = {
    migration,
    id: from.id,
    stream: from.stream,
    version: from.version,
    position: String(from.position),
    recordedAt: from.recordedAt.toISOString(),
    ...(before === undefined ? {} : { before }),
  };
  return { ...metadata, [originKey]: origin };
};

/** Metadata without the origin: what is compared. */
export const withoutOrigin = (metadata: Metadata): Metadata => {
  if (!Object.hasOwn(metadata, originKey)) return metadata;
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => key !== originKey));
};
