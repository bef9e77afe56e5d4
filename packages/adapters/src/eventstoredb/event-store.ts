import {
  canonicalId,
  checkActualVersion,
  checkExpectedVersion,
  checkReadAll,
  checkReadStream,
  checkStreamMetadata,
  checkStreamName,
  checkSubscribe,
  compileFilter,
  defaultBatchSize,
  jsonCodec,
  UnsupportedError,
  checkAppends,
  type AppendOptions,
  type AppendResult,
  type EventStore,
  type NewEvent,
  type ReadAllOptions,
  type ReadStreamOptions,
  type RecordedEvent,
  type StoreCapabilities,
  type StreamAppend,
  type StreamMetadata,
  type SubscribeOptions,
  type Subscription,
} from '@tidemark/core';
import { Appends } from './append.js';
import type { Connection } from './connection.js';
import { clientErrorType } from './errors.js';
import { EventRecords } from './event-records.js';
import { KnownIds } from './known-ids.js';
import { LogReads } from './log-reads.js';
import type { EventStoreDbOptions } from './options.js';
import { EventStoreDbGroups } from './persistent/groups.js';
import { Pulse } from './pulse.js';
import { serverFilter } from './server-filter.js';
import { StreamReads } from './stream-reads.js';
import { StreamSettings } from './stream-settings.js';
import { StreamViews, type StreamView } from './stream-view.js';
import { EventStoreDbSubscription, type SubscriptionParts } from './subscription.js';

/** The event store of EventStoreDB. */
export class EventStoreDbEventStore implements EventStore {
  readonly capabilities: StoreCapabilities;
  /** The persistent subscriptions of the server. */
  readonly groups: EventStoreDbGroups;
  readonly #connection: Connection;
  readonly #reads: StreamReads;
  readonly #log: LogReads;
  readonly #settings: StreamSettings;
  readonly #views: StreamViews;
  readonly #known = new KnownIds();
  readonly #appends: Appends;
  readonly #parts: SubscriptionParts;
  readonly #resolveLinks: boolean;
  readonly #subscriptions = new Set<Subscription>();

  constructor(connection: Connection, options: EventStoreDbOptions) {
    const {
      codec = jsonCodec,
      maxAppendBytes = 1_048_576,
      resolveLinks = false,
      searchHidden = true,
    } = options;
    const records = new EventRecords(codec);
    this.capabilities = {
      multiStreamAppend: false,
      transactionalAppend: false,
      durable: true,
      shared: true,
      maxEventBytes: maxAppendBytes,
      maxAppendBytes,
    };
    this.#connection = connection;
    this.#resolveLinks = resolveLinks;
    this.#reads = new StreamReads(connection, records);
    this.#log = new LogReads(connection, records);
    this.#settings = new StreamSettings(connection);
    this.#views = new StreamViews(
      connection,
      this.#reads,
      this.#log,
      this.#settings,
      this.#known,
      searchHidden,
    );
    this.#appends = new Appends(
      connection,
      records,
      this.#reads,
      this.#log,
      this.#views,
      this.#known,
      codec,
      maxAppendBytes,
    );
    this.groups = new EventStoreDbGroups(connection, records, this.#reads);
    this.#parts = { connection, records, log: this.#log, pulse: new Pulse(connection, this.#log) };
  }

  /** Ends every subscription that is open. */
  async endSubscriptions(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
  }

  append(stream: string, events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendResult> {
    return this.#appends.append({ stream, events, expectedVersion: options.expectedVersion });
  }

  async appendAll(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]> {
    void this.#connection.client;
    checkAppends(appends);
    const [only] = appends;
    if (only === undefined || appends.length > 1) {
      throw new UnsupportedError(
        'EventStoreDB cannot append to several streams at once. Append to one at a time, or take a store that can ' +
          '(memory, PGlite, PostgreSQL).',
      );
    }
    return [await this.#appends.append(only)];
  }

  async *readStream(
    stream: string,
    options: ReadStreamOptions = {},
  ): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    void this.#connection.client;
    checkStreamName(stream);
    checkReadStream(options);
    const { direction = 'forwards', to, batchSize = defaultBatchSize, signal } = options;
    const isForwards = direction === 'forwards';
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    let from: number | 'end' | undefined = options.from ?? (isForwards ? 0 : 'end');
    while (left > 0 && from !== undefined) {
      signal?.throwIfAborted();
      if (to !== undefined && from !== 'end' && (isForwards ? from > to : from < to)) return;
      const asked: number = Math.min(batchSize, left);
      const page = await this.#reads.page(stream, {
        direction,
        from,
        limit: asked,
        resolveLinks: this.#resolveLinks,
        signal,
      });
      const events = (page ?? []).map(({ recorded }) => recorded);
      if (isForwards && from !== 'end' && !this.#resolveLinks) this.#known.learn(stream, events, from);
      const wanted = events.filter(
        ({ version }) => to === undefined || (isForwards ? version <= to : version >= to),
      );
      left -= wanted.length;
      from = next(events, direction, asked);
      if (wanted.length > 0) yield wanted;
      if (wanted.length < events.length) return;
    }
    signal?.throwIfAborted();
  }

  async *readAll(options: ReadAllOptions = {}): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    void this.#connection.client;
    checkReadAll(options);
    const { direction = 'forwards', filter, batchSize = defaultBatchSize, signal } = options;
    const { limit = Number.POSITIVE_INFINITY } = options;
    signal?.throwIfAborted();
    if (limit === 0) return;
    let left = limit;
    const steps = direction === 'forwards' ? this.#forwards(options) : this.#backwards(options);
    const matches = compileFilter(filter);
    let gathered: RecordedEvent[] = [];
    for await (const step of steps) {
      for (const event of step) {
        if (!matches(event)) continue;
        gathered.push(event);
        left -= 1;
        if (gathered.length < batchSize && left > 0) continue;
        yield gathered;
        signal?.throwIfAborted();
        if (left === 0) return;
        gathered = [];
      }
      signal?.throwIfAborted();
    }
    if (gathered.length > 0) yield gathered;
  }

  async findEvent(stream: string, id: string): Promise<RecordedEvent | undefined> {
    void this.#connection.client;
    checkStreamName(stream);
    const canonical = canonicalId(id, 'id');
    const view = await this.#views.look(stream);
    const place = (await this.#views.find(stream, [canonical], view)).get(canonical);
    if (place === undefined) return undefined;
    const { version, position } = place;
    const page = await this.#reads.page(stream, {
      direction: 'forwards',
      from: version,
      limit: 1,
      resolveLinks: false,
    });
    const event = page?.[0]?.recorded;
    return event?.version === version ? event : this.#log.at(position);
  }

  async streamVersion(stream: string): Promise<number | undefined> {
    void this.#connection.client;
    checkStreamName(stream);
    return (await this.#views.look(stream)).visible;
  }

  subscribe(options: SubscribeOptions = {}): Subscription {
    void this.#connection.client;
    checkSubscribe(options);
    const subscription = new EventStoreDbSubscription(this.#parts, options, (ended) =>
      this.#subscriptions.delete(ended),
    );
    this.#subscriptions.add(subscription);
    return subscription;
  }

  async head(): Promise<bigint> {
    void this.#connection.client;
    return this.#log.head();
  }

  async getStreamMetadata(stream: string): Promise<StreamMetadata> {
    void this.#connection.client;
    checkStreamName(stream);
    await this.#views.look(stream);
    return (await this.#settings.load(stream)).settings;
  }

  async setStreamMetadata(stream: string, metadata: StreamMetadata): Promise<void> {
    void this.#connection.client;
    checkStreamName(stream);
    checkStreamMetadata(metadata);
    const settings = jsonCodec.decode(jsonCodec.encode(metadata, 'metadata')) as StreamMetadata;
    await this.#views.look(stream);
    await this.#settings.change(stream, (stored) => ({ ...stored, settings }));
  }

  async deleteStream(stream: string, options: AppendOptions = {}): Promise<void> {
    for (;;) {
      const { last, visible } = await this.#expect(stream, options);
      this.#known.distrust(stream);
      if (visible === undefined || last === undefined) return;
      const stored = await this.#settings.load(stream);
      if (await this.#settings.replace(stream, { ...stored, deletedBefore: last + 1 })) return;
    }
  }

  async tombstoneStream(stream: string, options: AppendOptions = {}): Promise<void> {
    for (;;) {
      const { last } = await this.#expect(stream, options);
      const { callOptions } = this.#connection;
      const isAny = (options.expectedVersion ?? 'any') === 'any' || last === undefined;
      const isDone = await this.#connection.call(`tombstoning stream "${stream}"`, async (client) => {
        try {
          await client.tombstoneStream(stream, {
            ...callOptions,
            expectedRevision: isAny ? 'any' : BigInt(last),
          });
          return true;
        } catch (error) {
          // Somebody has appended meanwhile, or the answer of an earlier try was lost: the next look tells.
          if (clientErrorType(error) === 'wrong-expected-version') return false;
          if (clientErrorType(error) === 'stream-deleted') return true;
          throw error;
        }
      });
      if (isDone) return;
    }
  }

  /** How the stream stands, if that is as expected. */
  async #expect(stream: string, { expectedVersion = 'any' }: AppendOptions): Promise<StreamView> {
    void this.#connection.client;
    checkStreamName(stream);
    checkExpectedVersion(expectedVersion);
    const view = await this.#views.look(stream);
    checkActualVersion(stream, expectedVersion, view.visible);
    return view;
  }

  async *#backwards({
    after,
    to,
    batchSize = defaultBatchSize,
    signal,
  }: ReadAllOptions): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    for (let from = after; ; ) {
      const page = await this.#log.page('backwards', from, pageSize(batchSize), signal);
      yield page.events.filter(({ position }) => to === undefined || position >= to);
      if (page.last === undefined || page.isEnd || (to !== undefined && page.last <= to)) return;
      from = page.last;
    }
  }

  /** First page by page; if there is much, and the server can filter it, by a subscription that ends at the head. */
  async *#forwards(options: ReadAllOptions): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    const { after, filter, batchSize = defaultBatchSize, signal } = options;
    const head = await this.#log.head();
    const to = options.to !== undefined && options.to < head ? options.to : head;
    let from = after === undefined || after <= 0n ? undefined : after;
    const filtered = serverFilter(filter) !== undefined;
    for (let pages = 0; from === undefined || from < to; pages += 1) {
      if (filtered && pages === unfilteredPages) {
        yield* this.#filtered({ filter, batchSize, signal, after: from }, to);
        return;
      }
      const page = await this.#log.page('forwards', from, pageSize(batchSize), signal);
      yield page.events.filter(({ position }) => position <= to);
      if (page.last === undefined || page.isEnd) return;
      from = page.last;
    }
  }

  async *#filtered(
    options: SubscribeOptions,
    to: bigint,
  ): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    for await (const { events, position } of this.subscribe(options)) {
      yield events.filter((event) => event.position <= to);
      if (position >= to) return;
    }
    options.signal?.throwIfAborted();
    void this.#connection.client;
  }
}

/** So many pages are read as they are before the server is asked to filter: short stretches are done sooner so. */
const unfilteredPages = 2;

const pageSize = (batchSize: number): number => Math.max(Math.min(batchSize, 1_000), 100);

const next = (
  events: readonly RecordedEvent[],
  direction: 'forwards' | 'backwards',
  asked: number,
): number | undefined => {
  const last = events.at(-1);
  if (last === undefined || events.length < asked) return undefined;
  if (direction === 'forwards') return last.version + 1;
  return last.version === 0 ? undefined : last.version - 1;
};
