import type { EventRecord } from './event-record.js';

/** What a writer expects the stream to be at: a revision, or one of these. */
export type ExpectedRevision = bigint | 'any' | 'no_stream' | 'stream_exists';

/** The state of a stream that decides about a write. */
export interface StreamHead {
  /** The last revision, −1 for a stream without events. */
  readonly revision: bigint;
  readonly tombstoned: boolean;
  readonly softDeleted: boolean;
  readonly hasMetadata: boolean;
  /** The event of this stream with this id, also a truncated one. */
  find(id: string): EventRecord | undefined;
  /** The event at a revision, also a truncated one. */
  at(revision: bigint): EventRecord | undefined;
}

/** What the server makes of a write. */
export type Decision =
  | { readonly kind: 'ok' }
  | { readonly kind: 'wrong-expected-version' }
  | { readonly kind: 'deleted' }
  /** Was written before; `last` is the last event of that write, which is answered once more. */
  | { readonly kind: 'idempotent'; readonly last: EventRecord };

/**
 * Decides about a write of events with these ids, as EventStoreDB's index writer does (23.10): with
 * "any" and "stream exists", events that are somewhere in the stream were written before; with a
 * revision behind the head, only events that lie exactly behind that revision were. A write of which
 * only a part is known is a wrong expected version.
 */
export const checkCommit = (
  head: StreamHead,
  expected: ExpectedRevision,
  ids: readonly string[],
): Decision => {
  if (head.tombstoned) return { kind: 'deleted' };
  if (expected === 'stream_exists') {
    if (head.softDeleted) return { kind: 'deleted' };
    if (head.revision < 0n && !head.hasMetadata) return { kind: 'wrong-expected-version' };
  }
  if (expected === 'any' || expected === 'stream_exists') return anywhere(head, ids);
  const revision = expected === 'no_stream' ? -1n : expected;
  if (revision < head.revision) return behind(head, expected, revision, ids);
  return { kind: revision > head.revision ? 'wrong-expected-version' : 'ok' };
};

const anywhere = (head: StreamHead, ids: readonly string[]): Decision => {
  let last: EventRecord | undefined;
  for (const id of ids) {
    const known = head.find(id);
    if (known === undefined) return { kind: last === undefined ? 'ok' : 'wrong-expected-version' };
    last = known;
  }
  return last === undefined ? { kind: 'ok' } : { kind: 'idempotent', last };
};

const behind = (
  head: StreamHead,
  expected: ExpectedRevision,
  revision: bigint,
  ids: readonly string[],
): Decision => {
  let last: EventRecord | undefined;
  for (const [index, id] of ids.entries()) {
    const known = head.at(revision + 1n + BigInt(index));
    if (known?.id === id) {
      last = known;
      continue;
    }
    const recreates = index === 0 && expected === 'no_stream' && head.softDeleted;
    return { kind: recreates ? 'ok' : 'wrong-expected-version' };
  }
  return last === undefined ? { kind: 'wrong-expected-version' } : { kind: 'idempotent', last };
};
