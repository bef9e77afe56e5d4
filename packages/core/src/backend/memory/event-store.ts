import { canonicalId, checkAppends, checkExpectedVersion } from '../../log/check-append.js';
import { checkStreamName } from '../../log/check-names.js';
import { checkReadAll, checkReadStream, checkStreamMetadata, checkSubscribe } from '../../log/check-read.js';
import { StreamTombstonedError } from '../../log/errors.js';
import type {
  AppendOptions,
  AppendResult,
  EventStore,
  ReadAllOptions,
  ReadStreamOptions,
  StoreCapabilities,
  StreamAppend,
  StreamMetadata,
  SubscribeOptions,
  Subscription,
} from '../../log/event-store.js';
import type { NewEvent, RecordedEvent } from '../../messages/event.js';
import { checkExpectation } from './decide-append.js';
import { StagedAppends, type Log } from './log.js';
import { inBatches, readLog, readVisible } from './read.js';
import { StreamState, visibleVersion } from './stream-state.js';
import { MemorySubscription } from './subscription.js';
import type { Writer } from './writer.js';

/** The event store of the memory backend. */
export class MemoryEventStore implements EventStore {
  readonly capabilities: StoreCapabilities = {
    multiStreamAppend: true,
    transactionalAppend: true,
    durable: false,
    shared: false,
  };
  readonly #log: Log;
  readonly #writer: Writer;
  readonly #subscriptions = new Set<Subscription>();

  constructor(log: Log, writer: Writer) {
    this.#log = log;
    this.#writer = writer;
  }

  /** Ends every subscription that is open. */
  async endSubscriptions(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
  }

  async append(stream: string, events: readonly NewEvent[], options?: AppendOptions): Promise<AppendResult> {
    const results = await this.appendAll([{ stream, events, expectedVersion: options?.expectedVersion }]);
    return results[0] as AppendResult;
  }

  async appendAll(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]> {
    this.#writer.checkUsable();
    checkAppends(appends);
    return this.#writer.write(() => {
      const staged = new StagedAppends(this.#log);
      const results = staged.append(appends);
      staged.commit();
      return results;
    });
  }

  async *readStream(
    stream: string,
    options: ReadStreamOptions = {},
  ): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    this.#writer.checkUsable();
    checkReadStream(options);
    yield* inBatches(readVisible(this.#readable(stream), options, this.#log), options);
  }

  async *readAll(options: ReadAllOptions = {}): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    this.#writer.checkUsable();
    checkReadAll(options);
    yield* inBatches(readLog(this.#log, options), options);
  }

  async findEvent(stream: string, id: string): Promise<RecordedEvent | undefined> {
    this.#writer.checkUsable();
    const canonical = canonicalId(id, 'id');
    return this.#readable(stream)?.find(canonical)?.recorded();
  }

  async streamVersion(stream: string): Promise<number | undefined> {
    this.#writer.checkUsable();
    const state = this.#readable(stream);
    return state === undefined ? undefined : visibleVersion(state);
  }

  subscribe(options: SubscribeOptions = {}): Subscription {
    this.#writer.checkUsable();
    checkSubscribe(options);
    const subscription = new MemorySubscription(this.#log, options, (ended) =>
      this.#subscriptions.delete(ended),
    );
    this.#subscriptions.add(subscription);
    return subscription;
  }

  async head(): Promise<bigint> {
    this.#writer.checkUsable();
    return this.#log.head;
  }

  async getStreamMetadata(stream: string): Promise<StreamMetadata> {
    this.#writer.checkUsable();
    return this.#log.codec.decode(this.#readable(stream)?.metadata ?? '{}') as StreamMetadata;
  }

  async setStreamMetadata(stream: string, metadata: StreamMetadata): Promise<void> {
    this.#writer.checkUsable();
    checkStreamName(stream);
    checkStreamMetadata(metadata);
    const text = this.#log.codec.encode(metadata, 'metadata');
    await this.#writer.write(() => {
      this.#readable(stream);
      this.#log.stream(stream).metadata = text;
    });
  }

  async deleteStream(stream: string, options: AppendOptions = {}): Promise<void> {
    await this.#change(stream, options, (state) => {
      state.firstVersion = state.lastVersion + 1;
    });
  }

  async tombstoneStream(stream: string, options: AppendOptions = {}): Promise<void> {
    await this.#change(stream, options, (state) => {
      state.tombstoned = true;
    });
  }

  async #change(
    stream: string,
    { expectedVersion = 'any' }: AppendOptions,
    change: (state: StreamState) => void,
  ): Promise<void> {
    this.#writer.checkUsable();
    checkStreamName(stream);
    checkExpectedVersion(expectedVersion);
    await this.#writer.write(() => {
      checkExpectation(stream, this.#log.find(stream) ?? new StreamState(), expectedVersion);
      change(this.#log.stream(stream));
    });
  }

  #readable(stream: string): StreamState | undefined {
    checkStreamName(stream);
    const state = this.#log.find(stream);
    if (state?.tombstoned === true) throw new StreamTombstonedError(stream);
    return state;
  }
}
