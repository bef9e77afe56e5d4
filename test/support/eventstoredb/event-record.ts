/** One event as the log holds it. */
export interface EventRecord {
  /** Where it lies in the log: commit and prepare position at once, as for every write of today's servers. */
  readonly position: bigint;
  readonly streamId: string;
  readonly revision: bigint;
  readonly id: string;
  readonly type: string;
  readonly isJson: boolean;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
  /** Milliseconds since 1970. */
  readonly created: number;
}

/** An event that a client wants to append. */
export type ProposedEvent = Pick<EventRecord, 'id' | 'type' | 'isJson' | 'data' | 'metadata'>;

/** What a link resolves to; `event` is missing where the target is gone. */
export interface ResolvedEvent {
  readonly event?: EventRecord | undefined;
  readonly link?: EventRecord | undefined;
}

/** The event that was read: the link if there is one. */
export const originalOf = (resolved: ResolvedEvent): EventRecord => {
  const original = resolved.link ?? resolved.event;
  if (original === undefined) throw new Error('A resolved event holds an event or a link.');
  return original;
};

/** The revision that a tombstone has, and the `$tb` that a soft delete sets: the largest int64. */
export const DELETED_REVISION = 9_223_372_036_854_775_807n;
