import type { RecordedEvent } from '../messages/event.js';

/** Which events of the whole log are wanted. Every condition given must hold; one left out holds always. */
export interface EventFilter {
  /** One of these event types, as stored. */
  readonly types?: readonly string[] | undefined;
  /** A stream that begins with one of these. */
  readonly streamPrefixes?: readonly string[] | undefined;
  /** Metadata that has each of these keys with this value. */
  readonly metadata?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** Recorded at or after this time. */
  readonly recordedFrom?: Date | undefined;
  /** Recorded before this time. */
  readonly recordedBefore?: Date | undefined;
}

/** The filter as a predicate: what a store that filters elsewhere must agree with. */
export const compileFilter = (filter: EventFilter | undefined): ((event: RecordedEvent) => boolean) => {
  if (filter === undefined) return () => true;
  const types = filter.types === undefined ? undefined : new Set(filter.types);
  const prefixes = filter.streamPrefixes;
  const metadata = filter.metadata === undefined ? undefined : Object.entries(filter.metadata);
  const from = filter.recordedFrom?.getTime() ?? Number.NEGATIVE_INFINITY;
  const before = filter.recordedBefore?.getTime() ?? Number.POSITIVE_INFINITY;
  return (event) =>
    (types === undefined || types.has(event.type)) &&
    (prefixes === undefined || prefixes.some((prefix) => event.stream.startsWith(prefix))) &&
    (metadata === undefined || metadata.every(([key, value]) => event.metadata[key] === value)) &&
    event.recordedAt.getTime() >= from &&
    event.recordedAt.getTime() < before;
};
