import type { NewEvent, RecordedEvent } from '../messages/event.js';
import type { EventFilter } from './filter.js';

/**
 * What must be true of a stream for an append to succeed.
 *
 * - a number: the stream's last version is exactly that (so `-1` is the same as `'no-stream'`)
 * - `'no-stream'`: the stream has never been written, or is soft-deleted
 * - `'stream-exists'`: the stream has at least one event and is not deleted
 * - `'any'`: nothing
 */
export type ExpectedVersion = number | 'any' | 'no-stream' | 'stream-exists';

/** What an append to one stream asks for, and the deletion of one. */
export interface AppendOptions {
  /** Default: `'any'`. */
  readonly expectedVersion?: ExpectedVersion | undefined;
}

/** One stream's part of an atomic append to several. */
export interface StreamAppend extends AppendOptions {
  readonly stream: string;
  readonly events: readonly NewEvent[];
}

/** What an append did: where the last of its events stands. */
export interface AppendResult {
  readonly stream: string;
  /** Version of the last event appended. */
  readonly version: number;
  /** Position of the last event appended. */
  readonly position: bigint;
  /** True when these very events were there already, and nothing was written now. */
  readonly alreadyAppended: boolean;
  /**
   * The events as a reader gets them, freshly decoded by each call, where the store has them at hand without another
   * read. Without it, whoever needs them reads them back.
   */
  readonly recorded?: (() => readonly RecordedEvent[]) | undefined;
}

/** The order of a read: oldest first, or newest first. */
export type Direction = 'forwards' | 'backwards';

/** Which part of a stream is read, and how. */
export interface ReadStreamOptions {
  /** Default: `'forwards'`. */
  readonly direction?: Direction | undefined;
  /** First version to read, inclusive. Default: the first one (forwards) or the last one (backwards). */
  readonly from?: number | undefined;
  /** Last version to read, inclusive. Default: as far as there is. */
  readonly to?: number | undefined;
  /** Most events to read in all. Default: no limit. */
  readonly limit?: number | undefined;
  /** Most events in one batch. Default: 500. */
  readonly batchSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Which part of the whole log is read, and how. */
export interface ReadAllOptions {
  /** Default: `'forwards'`. */
  readonly direction?: Direction | undefined;
  /** Start behind this position, exclusive: later ones (forwards), earlier ones (backwards). Default: from the end that `direction` starts at. */
  readonly after?: bigint | undefined;
  /** Last position to read, inclusive, in the direction read. Default: the safe head (forwards) or the beginning (backwards). */
  readonly to?: bigint | undefined;
  readonly filter?: EventFilter | undefined;
  /** Most events to read in all. Default: no limit. */
  readonly limit?: number | undefined;
  /** Most events in one batch. Default: 500. */
  readonly batchSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where a subscription starts, what it delivers, and when it ends. */
export interface SubscribeOptions {
  /** Start behind this position, exclusive. Default: the beginning of the log. Use `await store.head()` for "from now on". */
  readonly after?: bigint | undefined;
  readonly filter?: EventFilter | undefined;
  /** Most events in one batch. Default: 500. */
  readonly batchSize?: number | undefined;
  /** Ends the subscription when aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** What a subscription delivers: a step forwards through the log. */
export interface SubscriptionBatch {
  /** The events of this step that match the filter, in log order; may be empty. */
  readonly events: readonly RecordedEvent[];
  /** Every event up to and including this position has been delivered or did not match: a checkpoint may be set here. */
  readonly position: bigint;
  /** True when nothing was left to read when this batch was made. */
  readonly caughtUp: boolean;
}

/**
 * A place in the log that moves forwards as it is pulled: first through what is there, then with what comes.
 * Nothing is read ahead of the consumer but one batch, so a slow one holds no memory.
 *
 * The first batch after reaching the head always has `caughtUp: true`, also when it has no events. It ends without an
 * error when closed, or when its store is closed; while the store is away it waits, for as long as that lasts, and then
 * goes on behind the last batch. Pulling fails with `StoreUnavailableError` only where the store is not open.
 */
export interface Subscription extends AsyncIterable<SubscriptionBatch> {
  /** Ends it; a pending pull is answered with the end. Idempotent. */
  close(): Promise<void>;
}

/** Settings of a stream, as in EventStoreDB. */
export interface StreamMetadata {
  /** Events older than this many seconds are no longer read from the stream. */
  readonly maxAge?: number | undefined;
  /** Only this many newest events are read from the stream. */
  readonly maxCount?: number | undefined;
  /** Events before this version are no longer read from the stream. */
  readonly truncateBefore?: number | undefined;
  /** How many seconds the head of the stream may be cached by clients. */
  readonly cacheControl?: number | undefined;
  /** Access control list; only stores with users enforce it. */
  readonly acl?: Readonly<Record<string, unknown>> | undefined;
  /** Free keys of the application's own. */
  readonly custom?: Readonly<Record<string, unknown>> | undefined;
}

/** What a store can do beyond the common ground. What needs more than a store has fails at start-up with a clear sentence. */
export interface StoreCapabilities {
  /** Several streams in one atomic append: {@link EventStore.appendAll} takes more than one stream. */
  readonly multiStreamAppend: boolean;
  /** Appends can join the backend's transactions. */
  readonly transactionalAppend: boolean;
  /** Events outlive the process. */
  readonly durable: boolean;
  /** Other processes may append to the same log. */
  readonly shared: boolean;
  /** Largest event (data and metadata) in bytes, or `undefined` for no limit worth naming. */
  readonly maxEventBytes?: number | undefined;
  /** Largest append (data and metadata of all its events) in bytes, or `undefined` for no limit worth naming. */
  readonly maxAppendBytes?: number | undefined;
}

/**
 * The log: the port that every store implements. Streams have versions, the whole has positions.
 *
 * Every implementation passes the conformance suite of `@tidemark/core/testing`, which is the exact meaning of this text.
 */
export interface EventStore {
  readonly capabilities: StoreCapabilities;

  /**
   * Appends events to one stream, all or nothing.
   *
   * @param stream name of 1 to 500 characters; names starting with `$` are reserved
   * @param events at least one
   * Events with given ids that are in the stream already, all of them, side by side and where this append would have put
   * them, are not written again: the answer is that of the first time. If only some are, or elsewhere, it is a conflict.
   * Soft-deleted and truncated events count too.
   *
   * @throws {ConcurrencyError} the stream is not at the expected version
   * @throws {StreamTombstonedError} the stream was tombstoned
   * @throws {SerializationError} an event's data or metadata cannot be held by JSON; nothing is written
   * @throws {InvalidArgumentError} an empty list, a bad stream name, a bad id
   */
  append(stream: string, events: readonly NewEvent[], options?: AppendOptions): Promise<AppendResult>;

  /**
   * Appends to several streams, all or nothing. A stream may occur only once. Each is judged on its own, as by {@link append}.
   *
   * @returns one result per stream, in the order given
   * @throws as {@link append}, and {UnsupportedError} for more than one stream where the store cannot
   */
  appendAll(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]>;

  /**
   * Reads one stream in batches. A stream that does not exist, or is soft-deleted, has no events.
   *
   * Batches are never empty. An aborted read throws the reason of its signal, since it must not look whole.
   *
   * @throws {StreamTombstonedError} the stream was tombstoned; so do all that follow with the name of a stream
   */
  readStream(stream: string, options?: ReadStreamOptions): AsyncIterable<readonly RecordedEvent[]>;

  /** Reads the whole log in batches, up to the safe head: no event that commits later can appear behind what was read. */
  readAll(options?: ReadAllOptions): AsyncIterable<readonly RecordedEvent[]>;

  /**
   * Finds one event of a stream by its id: how a repeated command is recognised.
   * Finds truncated and soft-deleted events too, as long as they are stored.
   */
  findEvent(stream: string, id: string): Promise<RecordedEvent | undefined>;

  /** Version of the stream's last event, or `undefined` if it does not exist or is soft-deleted. */
  streamVersion(stream: string): Promise<number | undefined>;

  /**
   * Follows the log: delivers what is there behind a position, then what comes.
   *
   * @throws {InvalidArgumentError} a position that is no bigint, or a batch size that is not an integer from 1
   */
  subscribe(options?: SubscribeOptions): Subscription;

  /** The safe head: the highest position up to which everything is known to be there. `0n` for an empty log. */
  head(): Promise<bigint>;

  /** Settings of the stream; an empty object if none were set. They outlive a soft delete. */
  getStreamMetadata(stream: string): Promise<StreamMetadata>;

  /** Replaces the settings of the stream, which need not exist yet. */
  setStreamMetadata(stream: string, metadata: StreamMetadata): Promise<void>;

  /**
   * Soft-deletes the stream: it reads as empty, and an append starts it anew, its versions going on.
   * Its events stay in the whole log.
   *
   * @throws {ConcurrencyError} as {@link append}; deleting a stream that does not exist with `'any'` does nothing
   */
  deleteStream(stream: string, options?: AppendOptions): Promise<void>;

  /** Closes the stream for ever: reads and appends fail. Its events stay in the whole log. */
  tombstoneStream(stream: string, options?: AppendOptions): Promise<void>;
}
