import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { AppendResult, EventStore, Subscription, SubscriptionBatch } from '../../log/event-store.js';
import type { NewEvent, RecordedEvent } from '../../messages/event.js';
import { newId } from '../../messages/ids.js';
import { within } from './patience.js';

/** A store under test. It may be new for each rule, or shared by all: the rules use only streams of their own. */
export interface EventStoreFixture {
  readonly store: EventStore;
  /**
   * Opens the same log a second time: another connection, as another process would have it. For the rules about races.
   * Default: races run within the one store.
   */
  connect?(): Promise<{
    readonly store: EventStore;
    /** Closes this connection alone. */
    close(): Promise<void>;
  }>;
  /** Closes the store and opens what it stored anew; needed where `capabilities.durable` is true. */
  reopen?(): Promise<EventStore>;
  /** Lets so many milliseconds pass for the store. Default: really waits. */
  elapse?(milliseconds: number): Promise<void>;
  /** Called after each rule. */
  close(): Promise<void>;
}

/** One rule's go at a store, with names of its own. */
export class EventStoreTrial {
  readonly store: EventStore;
  /** How long an event is waited for before it counts as not coming, in milliseconds. */
  readonly patienceMs: number;
  readonly #fixture: EventStoreFixture;
  readonly #prefix = `trial_${randomUUID().replaceAll('-', '')}`;
  readonly #opened: { close(): Promise<void> }[] = [];

  constructor(fixture: EventStoreFixture, patienceMs: number) {
    this.#fixture = fixture;
    this.store = fixture.store;
    this.patienceMs = patienceMs;
  }

  /** What all names of this trial start with. */
  get prefix(): string {
    return this.#prefix;
  }

  /** The name of a stream, or of an event type, that only this trial uses. */
  name(label = 'a'): string {
    return `${this.#prefix}-${label}`;
  }

  /** Another connection to the log, or the same store where the fixture has none. */
  async second(): Promise<EventStore> {
    const connection = await this.#fixture.connect?.();
    if (connection === undefined) return this.store;
    this.#opened.push(connection);
    return connection.store;
  }

  /** The store after a restart, or `undefined` where the fixture cannot restart it. */
  async reopened(): Promise<EventStore | undefined> {
    return this.#fixture.reopen?.();
  }

  /** Lets so many milliseconds pass for the store; really waits where the fixture does not say how. */
  async elapse(milliseconds: number): Promise<void> {
    await (this.#fixture.elapse?.(milliseconds) ?? wait(milliseconds));
  }

  /** A subscription that is closed with the trial, to be pulled with patience. */
  subscribe(...parameters: Parameters<EventStore['subscribe']>): Follower {
    const follower = new Follower(this.store.subscribe(...parameters), this.patienceMs);
    this.#opened.push(follower);
    return follower;
  }

  /** Appends events that are numbered from `from` in their data, one append for all. */
  async fill(stream: string, count: number, from = 0): Promise<void> {
    await this.store.append(stream, numbered(count, from));
  }

  /** Closes the subscriptions and connections that it opened, then the fixture. */
  async close(): Promise<void> {
    for (const opened of this.#opened) await opened.close();
    await this.#fixture.close();
  }
}

/** A subscription pulled by hand. */
export class Follower {
  readonly subscription: Subscription;
  /** Everything delivered so far. */
  readonly batches: SubscriptionBatch[] = [];
  readonly #iterator: AsyncIterator<SubscriptionBatch>;
  readonly #patienceMs: number;

  constructor(subscription: Subscription, patienceMs: number) {
    this.subscription = subscription;
    this.#iterator = subscription[Symbol.asyncIterator]();
    this.#patienceMs = patienceMs;
  }

  get events(): readonly RecordedEvent[] {
    return this.batches.flatMap((batch) => batch.events);
  }

  /** The next batch, or `undefined` at the end. */
  async next(what = 'a batch of the subscription'): Promise<SubscriptionBatch | undefined> {
    const result = await within(this.#patienceMs, this.#iterator.next(), what);
    if (result.done === true) return undefined;
    this.batches.push(result.value);
    return result.value;
  }

  /** Pulls until a batch satisfies the condition; fails if the subscription ends before. */
  async until(done: (batch: SubscriptionBatch) => boolean, what: string): Promise<SubscriptionBatch> {
    const deadline = Date.now() + this.#patienceMs;
    for (;;) {
      const batch = await this.next(what);
      if (batch === undefined) throw new Error(`the subscription ended before ${what}`);
      if (done(batch)) return batch;
      if (Date.now() > deadline) throw new Error(`${what} did not come within ${this.#patienceMs} ms`);
    }
  }

  /** Pulls until so many events were delivered in all. */
  async untilEvents(count: number): Promise<readonly RecordedEvent[]> {
    if (this.events.length < count) {
      await this.until(() => this.events.length >= count, `event ${count} of the subscription`);
    }
    return this.events;
  }

  /** Pulls until a batch says so, unless the last one did. */
  async untilCaughtUp(): Promise<SubscriptionBatch> {
    const last = this.batches.at(-1);
    return last?.caughtUp === true
      ? last
      : this.until((batch) => batch.caughtUp, 'a batch that is caught up');
  }

  /** Pulls until it has passed a position. */
  async untilPosition(position: bigint): Promise<SubscriptionBatch> {
    return this.until((batch) => batch.position >= position, `progress to position ${position}`);
  }

  async close(): Promise<void> {
    await this.subscription.close();
  }
}

/** Events that say which they are: `data.n` counts from `from`. */
export const numbered = (count: number, from = 0, type = 'Counted'): NewEvent[] =>
  Array.from({ length: count }, (_, index) => ({ type, data: { n: from + index } }));

/** The same with ids, so that their append can be repeated. */
export const identified = (count: number, from = 0): (NewEvent & { readonly id: string })[] =>
  Array.from({ length: count }, (_, index) => ({ id: newId(), type: 'Counted', data: { n: from + index } }));

/** The numbers of {@link numbered} events. */
export const numbersOf = (events: readonly RecordedEvent[]): unknown[] =>
  events.map((event) => (event.data as { readonly n: number }).n);

/** What an append answered, without the events that a store may have at hand. */
export const answerOf = ({ stream, version, position, alreadyAppended }: AppendResult): AppendResult => ({
  stream,
  version,
  position,
  alreadyAppended,
});

/** All that a read gives; it fails if a batch is empty or too large. */
export const all = async (
  batches: AsyncIterable<readonly RecordedEvent[]>,
  batchSize = 500,
): Promise<readonly RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for await (const batch of batches) {
    if (batch.length === 0 || batch.length > batchSize) {
      throw new Error(`a batch of a read has 1 to ${batchSize} events, but this one has ${batch.length}`);
    }
    events.push(...batch);
  }
  return events;
};
