import { DELETED_REVISION } from './event-record.js';

/** What the newest event of a metadata stream says about its stream. */
export interface StreamSettings {
  readonly maxAgeMs?: number | undefined;
  readonly maxCount?: bigint | undefined;
  readonly truncateBefore?: bigint | undefined;
  readonly acl?: Acl | undefined;
}

/** Who may do what, by role or user name; what is missing falls back to the default. */
export interface Acl {
  readonly $r?: string | readonly string[] | undefined;
  readonly $w?: string | readonly string[] | undefined;
  readonly $d?: string | readonly string[] | undefined;
  readonly $mr?: string | readonly string[] | undefined;
  readonly $mw?: string | readonly string[] | undefined;
}

/** The name of the stream that holds the metadata of `streamId`. */
export const metaStreamOf = (streamId: string): string => `$$${streamId}`;

/** Whether a stream holds the metadata of another. */
export const isMetaStream = (streamId: string): boolean => streamId.startsWith('$$');

/** Reads settings; what is no JSON object says nothing, as with the real server. */
export const parseSettings = (data: Uint8Array): StreamSettings => {
  const parsed = parseObject(data);
  const maxAge = parsed['$maxAge'];
  const maxCount = parsed['$maxCount'];
  const truncateBefore = parsed['$tb'];
  const acl = parsed['$acl'];
  return {
    maxAgeMs: typeof maxAge === 'number' && maxAge > 0 ? maxAge * 1_000 : undefined,
    maxCount: typeof maxCount === 'number' && maxCount > 0 ? BigInt(maxCount) : undefined,
    truncateBefore: typeof truncateBefore === 'number' ? revisionOf(truncateBefore) : undefined,
    acl: typeof acl === 'object' && acl !== null ? acl : undefined,
  };
};

/** The metadata that a soft delete writes: it replaces what was there. */
export const softDeleted = (): Uint8Array => Buffer.from(`{"$tb":${DELETED_REVISION}}`);

/** Metadata with another `$tb`, the rest as it was. */
export const withTruncateBefore = (data: Uint8Array, revision: bigint): Uint8Array =>
  Buffer.from(JSON.stringify({ ...parseObject(data), $tb: Number(revision) }));

const revisionOf = (value: number): bigint => {
  const revision = BigInt(Math.trunc(value));
  // The largest int64 is no exact number of JavaScript; JSON.parse rounds it up.
  return revision > DELETED_REVISION ? DELETED_REVISION : revision;
};

const parseObject = (data: Uint8Array): Readonly<Record<string, unknown>> => {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(data).toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
};
