import type { EventStore } from '../log/event-store.js';
import type { EventFilter } from '../log/filter.js';
import type { RecordedEvent } from '../messages/event.js';
import { digestEvent, GrowingDigest, type Digest, type LogDigest } from './digest.js';
import type { StreamDifference } from './errors.js';
import { originOf } from './origin.js';
import type { PlacedEvent, Transform } from './transform.js';

/** What a verification found. */
export interface Verification {
  /** True if the target is as it should be. */
  readonly isRight: boolean;
  /** What the source and the transformations say. */
  readonly expected: LogDigest;
  /** What the target holds of the migration. */
  readonly actual: LogDigest;
  /** Every stream that differs. */
  readonly differences: readonly StreamDifference[];
  /** True if all streams are right, but their events stand in the whole log in another order. */
  readonly orderDiffers: boolean;
}

/** Which part of a log is digested. */
export interface DigestOptions {
  readonly filter?: EventFilter | undefined;
  /** Last position, inclusive. Default: the safe head. */
  readonly to?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Digests a log by its content: ids, streams, types, schema versions, data and metadata, in their order, but not when and
 * where they were recorded. Two stores hold the same if and only if their digests are the same.
 */
export const digestLog = async (store: EventStore, options: DigestOptions = {}): Promise<LogDigest> => {
  const digest = new GrowingDigest();
  for await (const batch of store.readAll(options)) for (const event of batch) digest.add(event);
  return digest.get();
};

export interface VerifierOptions {
  readonly migration: string;
  readonly from: EventStore;
  readonly to: EventStore;
  readonly filter: EventFilter | undefined;
  readonly transform: Transform;
  readonly batchSize: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** How many streams that differ are gone through event by event. */
const mostExamined = 10;

/**
 * Reads the source again, does its transformations again, and compares with what the target holds of the migration: its
 * events with the migration's `$origin`. It can go through most of both logs while the migration still follows the source,
 * so that little is left to do at the end.
 */
export class Verifier {
  readonly #options: VerifierOptions;
  readonly #expected = new GrowingDigest();
  readonly #actual = new GrowingDigest();
  /** First and last version by stream: with another number of events in between, foreign ones are among them. */
  readonly #spans = new Map<string, { readonly first: number; last: number }>();
  #sourceAt = 0n;
  #targetAt = 0n;

  constructor(options: VerifierOptions) {
    this.#options = options;
  }

  /** Goes on through the source to a position, and through the target to its head. Can be called again after it failed. */
  async advance(to: bigint): Promise<void> {
    for await (const batch of this.#source(this.#sourceAt, to)) {
      const placed = batch.flatMap((event) => this.#options.transform(event));
      for (const event of placed) this.#expected.add(event);
      this.#sourceAt = batch.at(-1)?.position ?? this.#sourceAt;
    }
    if (to > this.#sourceAt) this.#sourceAt = to;
    const head = await this.#options.to.head();
    for await (const batch of this.#target(this.#targetAt, head)) {
      for (const event of batch) if (this.#isOwn(event)) this.#see(event);
      this.#targetAt = batch.at(-1)?.position ?? this.#targetAt;
    }
    if (head > this.#targetAt) this.#targetAt = head;
  }

  /** Compares what was gone through. */
  async compare(): Promise<Verification> {
    const expected = this.#expected.get();
    const actual = this.#actual.get();
    const differing = [...new Set([...expected.streams.keys(), ...actual.streams.keys()])].flatMap(
      (stream) => {
        const difference = this.#difference(stream, expected.streams.get(stream), actual.streams.get(stream));
        return difference === undefined ? [] : [difference];
      },
    );
    const differences = await this.#located(differing);
    const orderDiffers = differences.length === 0 && expected.digest !== actual.digest;
    return {
      isRight: differences.length === 0 && !orderDiffers,
      expected,
      actual,
      differences,
      orderDiffers,
    };
  }

  #source(after: bigint, to: bigint): AsyncIterable<readonly RecordedEvent[]> {
    const { from, filter, batchSize, signal } = this.#options;
    return from.readAll({ after, to, filter, batchSize, signal });
  }

  #target(after: bigint, to: bigint): AsyncIterable<readonly RecordedEvent[]> {
    const { to: store, batchSize, signal } = this.#options;
    return store.readAll({ after, to, batchSize, signal });
  }

  #isOwn(event: RecordedEvent): boolean {
    return originOf(event)?.migration === this.#options.migration;
  }

  #see(event: RecordedEvent): void {
    this.#actual.add(event);
    const span = this.#spans.get(event.stream);
    if (span === undefined) this.#spans.set(event.stream, { first: event.version, last: event.version });
    else span.last = event.version;
  }

  #difference(
    stream: string,
    expected: Digest | undefined,
    actual: Digest | undefined,
  ): StreamDifference | undefined {
    const counts = { stream, expected: expected?.count ?? 0, actual: actual?.count ?? 0 };
    if (actual === undefined) return { ...counts, kind: 'missing' };
    if (expected === undefined) return { ...counts, kind: 'unexpected' };
    const { first, last } = this.#spans.get(stream) ?? { first: 0, last: -1 };
    const held = last - first + 1;
    // Foreign ones are among them, or some are gone from between.
    if (held !== counts.actual) {
      return { ...counts, actual: counts.actual < counts.expected ? counts.actual : held, kind: 'count' };
    }
    if (actual.count !== expected.count) return { ...counts, kind: 'count' };
    return actual.digest === expected.digest ? undefined : { ...counts, kind: 'content' };
  }

  /** Finds out where the first few differ, by reading both again. */
  async #located(differences: readonly StreamDifference[]): Promise<readonly StreamDifference[]> {
    const examined = new Set(
      differences
        .filter(({ kind }) => kind === 'count' || kind === 'content')
        .slice(0, mostExamined)
        .map(({ stream }) => stream),
    );
    if (examined.size === 0) return differences;
    const expected = new Map<string, Buffer[]>();
    const actual = new Map<string, Buffer[]>();
    const note = (into: Map<string, Buffer[]>, event: RecordedEvent | PlacedEvent): void => {
      if (!examined.has(event.stream)) return;
      const digests = into.get(event.stream) ?? [];
      digests.push(digestEvent({ ...event, schemaVersion: event.schemaVersion }));
      into.set(event.stream, digests);
    };
    for await (const batch of this.#source(0n, this.#sourceAt)) {
      for (const event of batch) for (const placed of this.#options.transform(event)) note(expected, placed);
    }
    // Foreign events within the streams count here: they are what differs.
    for await (const batch of this.#target(0n, this.#targetAt))
      for (const event of batch) note(actual, event);
    return differences.map((difference) => {
      const { stream } = difference;
      if (!examined.has(stream)) return difference;
      const should = expected.get(stream) ?? [];
      const does = actual.get(stream) ?? [];
      const firstDifference = should.findIndex((digest, index) => does[index]?.equals(digest) !== true);
      return { ...difference, firstDifference: firstDifference < 0 ? should.length : firstDifference };
    });
  }
}
