import { createHash, type Hash } from 'node:crypto';
import type { RecordedEvent } from '../messages/event.js';
import { jsonCodec } from '../schema/codec.js';
import { withoutOrigin } from './origin.js';

/** What an event is compared by: everything but when and where it was recorded, and its origin. */
export type DigestedEvent = Pick<
  RecordedEvent,
  'id' | 'stream' | 'type' | 'schemaVersion' | 'data' | 'metadata'
>;

/**
 * SHA-256 of an event's content, independent of the store and of the order of keys: of its canonical JSON, which is
 * JSON with the keys of every object sorted by UTF-16 code units (after RFC 8785, but for numbers, which are written as
 * JavaScript writes them).
 */
export const digestEvent = (event: DigestedEvent): Buffer =>
  createHash('sha256')
    .update(
      canonicalJson([
        event.id.toLowerCase(),
        event.stream,
        event.type,
        event.schemaVersion,
        plain(event.data, 'data'),
        plain(withoutOrigin(event.metadata), 'metadata'),
      ]),
    )
    .digest();

/** The value as a reader of a store would get it: dates are text, what is undefined is left out. */
const plain = (value: unknown, where: string): unknown => jsonCodec.decode(jsonCodec.encode(value, where));

const canonicalJson = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
};

/** What a number of events amount to. */
export interface Digest {
  /** How many there are. */
  readonly count: number;
  /** SHA-256 over the digests of the events, in their order, as hexadecimal text. */
  readonly digest: string;
}

/** A digest of a log, or of a part of it. */
export interface LogDigest extends Digest {
  /** The digest of each stream, by its name. */
  readonly streams: ReadonlyMap<string, Digest>;
}

interface Running {
  count: number;
  readonly hash: Hash;
}

const start = (): Running => ({ count: 0, hash: createHash('sha256') });
const ended = ({ count, hash }: Running): Digest => ({ count, digest: hash.copy().digest('hex') });

/** A digest that grows with the log. Holds a few hundred bytes for each stream. */
export class GrowingDigest {
  readonly #streams = new Map<string, Running>();
  readonly #all = start();

  add(event: DigestedEvent): void {
    const digest = digestEvent(event);
    let stream = this.#streams.get(event.stream);
    if (stream === undefined) this.#streams.set(event.stream, (stream = start()));
    for (const running of [stream, this.#all]) {
      running.count += 1;
      running.hash.update(digest);
    }
  }

  get(): LogDigest {
    const streams = new Map<string, Digest>();
    for (const [name, running] of this.#streams) streams.set(name, ended(running));
    return { ...ended(this.#all), streams };
  }
}
