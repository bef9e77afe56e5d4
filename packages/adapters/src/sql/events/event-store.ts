import {
  canonicalId,
  checkAppends,
  checkReadAll,
  checkReadStream,
  checkStreamName,
  checkSubscribe,
  StreamTombstonedError,
} from '@tidemark/core';
import type {
  AppendOptions,
  AppendResult,
  Clock,
  Codec,
  EventStore,
  Health,
  NewEvent,
  ReadAllOptions,
  ReadStreamOptions,
  RecordedEvent,
  StoreCapabilities,
  StreamAppend,
  StreamMetadata,
  SubscribeOptions,
  Subscription,
} from '@tidemark/core';
import { ConnectionLostError, type SqlDriver } from '../driver.js';
import type { SchemaNames } from '../schema-names.js';
import { AppendQueue, retried } from './append-queue.js';
import { AppendFunctions, encodeAppend, type EncodedAppend } from './append.js';
import { eventColumns, EventRows } from './event-rows.js';
import { LogPages } from './log-page.js';
import { LogTail } from './log-tail.js';
import { readLog } from './read-log.js';
import { StreamReader } from './read-stream.js';
import type { Relay } from './relay.js';
import { SafePosition } from './safe-position.js';
import { StreamSettings } from './stream-settings.js';
import { SqlSubscription, type SubscriptionSource } from './subscription.js';

/** Options of {@link SqlEventStore}. */
export interface SqlEventStoreOptions {
  readonly capabilities: StoreCapabilities;
  readonly codec: Codec;
  /** Gives the time in place of the database; for tests. */
  readonly clock?: Clock | undefined;
  /** How long subscriptions wait at the head before they look again unasked, in milliseconds. */
  readonly pollMs: number;
  /** Carries wake-ups from process to process. Default: there are none but this process's own. */
  readonly relay?: Relay | undefined;
  /** How many calls of coalesced appends may be on their way at the same time. Default: 1. */
  readonly lanes?: number | undefined;
  /** Whether the next page of the log is read while one is used, on another connection. Default: false. */
  readonly readsAhead?: boolean | undefined;
}

/** The event store in PostgreSQL's tables, whatever program speaks to PostgreSQL. */
export class SqlEventStore implements EventStore {
  readonly capabilities: StoreCapabilities;
  readonly functions: AppendFunctions;
  readonly #driver: SqlDriver;
  readonly #tail: LogTail;
  readonly #safe: SafePosition;
  readonly #codec: Codec;
  readonly #queue: AppendQueue;
  readonly #reader: StreamReader;
  readonly #rows: EventRows;
  readonly #settings: StreamSettings;
  readonly #source: SubscriptionSource;
  readonly #subscriptions = new Set<SqlSubscription>();
  readonly #find: string;
  readonly #version: string;

  constructor(
    driver: SqlDriver,
    names: SchemaNames,
    { capabilities, codec, clock, pollMs, relay, lanes = 1, readsAhead = false }: SqlEventStoreOptions,
  ) {
    this.capabilities = capabilities;
    this.#driver = driver;
    this.#tail = new LogTail(driver, names, { relay, pollMs, mayChange: capabilities.shared });
    this.#safe = new SafePosition(driver, names);
    this.#codec = codec;
    this.functions = new AppendFunctions(names, codec, clock);
    this.#queue = new AppendQueue(driver, this.functions, (position) => this.announce(position), lanes);
    this.#rows = new EventRows(codec);
    this.#reader = new StreamReader(driver, names, this.#rows, codec, clock, readsAhead);
    this.#settings = new StreamSettings(driver, names, codec);
    this.#source = {
      pages: new LogPages(driver, names, this.#rows, codec),
      tail: this.#tail,
      rows: this.#rows,
      readsAhead,
    };
    this.#find = names.fill(
      `SELECT ${eventColumns}, s.tombstoned::integer FROM (SELECT) one
         LEFT JOIN {schema}.streams s ON s.stream = $1::text
         LEFT JOIN {schema}.all_events e ON e.id = $2::uuid AND e.stream = $1::text`,
    );
    this.#version = names.fill(
      `SELECT (SELECT e.version FROM {schema}.events e WHERE e.stream = $1::text ORDER BY e.version DESC LIMIT 1),
              s.first_version, s.tombstoned::integer
         FROM (SELECT) one LEFT JOIN {schema}.streams s ON s.stream = $1::text`,
    );
  }

  async append(stream: string, events: readonly NewEvent[], options?: AppendOptions): Promise<AppendResult> {
    this.#driver.checkOutside();
    const append = { stream, events, expectedVersion: options?.expectedVersion };
    checkAppends([append]);
    return this.#queue.append(encodeAppend(append, this.#codec));
  }

  async appendAll(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]> {
    this.#driver.checkOutside();
    checkAppends(appends);
    const encoded = appends.map((append) => encodeAppend(append, this.#codec));
    const [first] = encoded;
    if (encoded.length === 1 && first !== undefined) return [await this.#queue.append(first)];
    const results = await this.#atomically(encoded);
    // Positions need not be in the order of the appends.
    this.announce(results.reduce((last, { position }) => (position > last ? position : last), 0n));
    return results;
  }

  /** As each append by itself, it is repeated where its answer was lost: whether it took place, its ids tell. */
  async #atomically(appends: readonly EncodedAppend[]): Promise<readonly AppendResult[]> {
    try {
      return await this.functions.atomically(this.#driver, appends);
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) throw error;
      return this.functions.atomically(this.#driver, appends.map(retried));
    }
  }

  async *readStream(
    stream: string,
    options: ReadStreamOptions = {},
  ): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    checkStreamName(stream);
    checkReadStream(options);
    yield* this.#reader.read(stream, options);
  }

  async *readAll(options: ReadAllOptions = {}): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    checkReadAll(options);
    yield* readLog(this.#source.pages, this.#safe, this.#source.readsAhead, options);
  }

  async findEvent(stream: string, id: string): Promise<RecordedEvent | undefined> {
    checkStreamName(stream);
    const { rows } = await this.#driver.run(this.#find, [stream, canonicalId(id, 'id')]);
    const row = rows[0];
    if (row?.[9] === '1') throw new StreamTombstonedError(stream);
    return row === undefined || row[0] === null ? undefined : this.#rows.decode(row);
  }

  async streamVersion(stream: string): Promise<number | undefined> {
    checkStreamName(stream);
    const { rows } = await this.#driver.run(this.#version, [stream]);
    const [last, first, tombstoned] = rows[0] ?? [];
    if (tombstoned === '1') throw new StreamTombstonedError(stream);
    return last === null || last === undefined || Number(last) < Number(first) ? undefined : Number(last);
  }

  subscribe(options: SubscribeOptions = {}): Subscription {
    checkSubscribe(options);
    const subscription = new SqlSubscription(this.#source, options, (ended) =>
      this.#subscriptions.delete(ended),
    );
    this.#subscriptions.add(subscription);
    return subscription;
  }

  head(): Promise<bigint> {
    return this.#safe.current();
  }

  getStreamMetadata(stream: string): Promise<StreamMetadata> {
    return this.#settings.get(stream);
  }

  setStreamMetadata(stream: string, metadata: StreamMetadata): Promise<void> {
    return this.#settings.set(stream, metadata);
  }

  deleteStream(stream: string, options: AppendOptions = {}): Promise<void> {
    return this.#settings.delete(stream, options, false);
  }

  tombstoneStream(stream: string, options: AppendOptions = {}): Promise<void> {
    return this.#settings.delete(stream, options, true);
  }

  /**
   * Wakes the subscriptions here and elsewhere: to be called after every commit that may have appended.
   *
   * @param position of the last event that was appended, where it is known
   */
  announce(position?: bigint): void {
    this.#tail.announce(position);
  }

  /** Whether subscriptions get anything; as {@link LogTail.health}. */
  health(): Health {
    return this.#tail.health();
  }

  /** Begins: the database is there and at the newest version. */
  open(): Promise<void> {
    return this.#tail.open();
  }

  /** Ends every subscription that is open, and the relay. */
  async close(): Promise<void> {
    const ended = [...this.#subscriptions].map((subscription) => subscription.close());
    await this.#tail.close();
    await Promise.all(ended);
  }

  /**
   * Asks the database which log this is, where nobody subscribes and so nobody else does; the relay is started anew for
   * another one. See {@link Relay.start}.
   */
  checkIdentity(): Promise<string> {
    return this.#tail.checkIdentity();
  }

  /** As {@link LogTail.renewIdentity}. */
  renewIdentity(): Promise<void> {
    return this.#tail.renewIdentity();
  }
}
