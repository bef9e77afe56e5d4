import {
  compileFilter,
  defaultBatchSize,
  RetrySchedule,
  sleep,
  systemClock,
  type RecordedEvent,
  type SubscribeOptions,
  type Subscription,
  type SubscriptionBatch,
} from '@tidemark/core';
import type { Connection } from './connection.js';
import { isOutage } from './errors.js';
import { positionOf, type EventRecords } from './event-records.js';
import { Feed } from './feed.js';
import type { LogReads } from './log-reads.js';
import type { Pulse } from './pulse.js';
import { serverFilter, withoutSystem } from './server-filter.js';

/** What a subscription works with. */
export interface SubscriptionParts {
  readonly connection: Connection;
  readonly records: EventRecords;
  readonly log: LogReads;
  readonly pulse: Pulse;
}

/** So long nothing comes from the server before it is looked whether there is anything left, in milliseconds. */
const quietMs = 40;

/** How often it is looked for something new all the same, in milliseconds. */
const pollMs = 5_000;

/** Most events that are looked at then. */
const mostLookedAt = 500;

/**
 * Follows the log by a subscription of the server, filtered there as far as the server can.
 *
 * The server tells how far a filtered subscription is only now and then, and not every version of it says when it has caught
 * up. So whenever it falls silent the rest of the log behind the last position is read: that proves how far all was delivered,
 * and finds what is on its way, which is left out when it arrives. A lost connection is replaced by one from the last position.
 */
export class EventStoreDbSubscription implements Subscription {
  readonly #parts: SubscriptionParts;
  readonly #options: SubscribeOptions;
  readonly #matches: (event: RecordedEvent) => boolean;
  readonly #batches: AsyncGenerator<SubscriptionBatch, void, undefined>;
  readonly #onEnd: (subscription: EventStoreDbSubscription) => void;
  readonly #ending = new AbortController();
  readonly #abort = (): void => this.#end();
  #position: bigint;
  #wake: (() => void) | undefined;
  /** True if something happened since it was last waited for. */
  #news = false;
  /** True since the end of the log was reached over this connection. */
  #live = false;
  /** True if there may be something behind the position that the server does not tell of by itself. */
  #behind = true;
  /** True if the last batch said that nothing was left. */
  #announced = false;

  constructor(
    parts: SubscriptionParts,
    options: SubscribeOptions,
    onEnd: (subscription: EventStoreDbSubscription) => void,
  ) {
    this.#parts = parts;
    this.#options = options;
    this.#matches = compileFilter(options.filter);
    this.#onEnd = onEnd;
    const { after = 0n } = options;
    this.#position = after < 0n ? 0n : after;
    this.#batches = this.#run();
    if (options.signal?.aborted === true) this.#ending.abort();
    else options.signal?.addEventListener('abort', this.#abort, { once: true });
  }

  [Symbol.asyncIterator](): AsyncIterator<SubscriptionBatch, void, undefined> {
    return this.#batches;
  }

  async close(): Promise<void> {
    this.#end();
    await this.#batches.return();
  }

  get #closed(): boolean {
    return this.#ending.signal.aborted;
  }

  #end(): void {
    this.#ending.abort();
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#onEnd(this);
    this.#changed();
  }

  readonly #changed = (): void => {
    this.#news = true;
    this.#wake?.();
  };

  async *#run(): AsyncGenerator<SubscriptionBatch, void, undefined> {
    const { connection } = this.#parts;
    let waits = new RetrySchedule().waits();
    try {
      while (!this.#closed) {
        const before = this.#position;
        try {
          yield* this.#follow();
        } catch (error) {
          if (this.#closed) return;
          connection.note(error);
          if (!isOutage(error)) throw connection.error(error, 'a subscription');
        }
        if (this.#closed) return;
        if (this.#position > before) waits = new RetrySchedule().waits();
        await sleep(systemClock, waits.next(), this.#ending.signal);
      }
    } finally {
      this.#end();
    }
  }

  /** Follows until the connection is lost. */
  async *#follow(): AsyncGenerator<SubscriptionBatch, void, undefined> {
    const { connection, log, pulse } = this.#parts;
    const filter = serverFilter(this.#options.filter) ?? withoutSystem;
    const head = await log.head();
    // A place that is not there yet is waited for; the server knows only those that are.
    const start = this.#position > head ? head : this.#position;
    const feed = new Feed(
      connection.client,
      {
        ...connection.callOptions,
        fromPosition: start === 0n ? 'start' : { commit: start, prepare: start },
        filter,
      },
      this.#changed,
    );
    const unlisten = pulse.listen(this.#onPulse);
    this.#live = false;
    this.#behind = true;
    try {
      while (!this.#closed) {
        const batch = this.#take(feed) ?? (await this.#next(feed));
        if (this.#closed) return;
        if (batch === undefined) continue;
        this.#announced = batch.caughtUp;
        yield batch;
      }
    } finally {
      unlisten();
      feed.close();
    }
  }

  readonly #onPulse = (): void => {
    if (this.#parts.pulse.position <= this.#position) return;
    this.#behind = true;
    this.#changed();
  };

  /** Waits for the server, or finds out by itself what is left. */
  async #next(feed: Feed): Promise<SubscriptionBatch | undefined> {
    if (feed.failure !== undefined) throw feed.failure.error;
    if (!this.#behind) {
      // Should nobody tell of what came, it is looked for now and then.
      if (!(await this.#wait(pollMs))) this.#behind = true;
      return undefined;
    }
    return (await this.#isQuiet(feed)) ? this.#look() : undefined;
  }

  /** What has come, up to a batch. */
  #take(feed: Feed): SubscriptionBatch | undefined {
    const { batchSize = defaultBatchSize } = this.#options;
    const events: RecordedEvent[] = [];
    let position = this.#position;
    while (events.length < batchSize) {
      const item = feed.take();
      if (item === undefined) break;
      const reached = item.kind === 'event' ? positionOf(item.resolved) : item.position;
      if (reached <= position) continue;
      position = reached;
      if (item.kind === 'checkpoint') continue;
      const event = this.#parts.records.fromLog(item.resolved)?.recorded;
      if (event !== undefined && this.#matches(event)) events.push(event);
    }
    if (position === this.#position) return undefined;
    this.#position = position;
    const caughtUp = this.#live && feed.isEmpty && this.#parts.pulse.position <= position;
    this.#behind = !caughtUp;
    return { events, position, caughtUp };
  }

  /** True when nothing has come for a moment, or the server says that it has sent all. */
  async #isQuiet(feed: Feed): Promise<boolean> {
    const { received } = feed;
    const until = performance.now() + quietMs;
    for (let left = quietMs; left > 0; left = until - performance.now()) {
      if (feed.takeCaughtUp()) return feed.received === received;
      await this.#wait(left);
      if (this.#closed || feed.failure !== undefined || feed.received !== received) return false;
    }
    return true;
  }

  /** Reads on by itself. */
  async #look(): Promise<SubscriptionBatch | undefined> {
    const { batchSize = defaultBatchSize } = this.#options;
    const before = this.#position;
    const { pulse } = this.#parts;
    const heard = pulse.position;
    const page = await this.#parts.log.page(
      'forwards',
      before === 0n ? undefined : before,
      Math.min(batchSize, mostLookedAt),
      this.#ending.signal,
    );
    const position = page.last ?? before;
    if (page.isEnd) {
      this.#live = true;
      // What was told of meanwhile may have come after the page was read, and is not told of again.
      this.#behind = pulse.position > heard && pulse.position > position;
    }
    this.#position = position;
    if (position === before && this.#announced) return undefined;
    return { events: page.events.filter(this.#matches), position, caughtUp: page.isEnd && !this.#behind };
  }

  /** Waits for something to happen, at most so long. True if something did. */
  async #wait(milliseconds: number): Promise<boolean> {
    if (!this.#news) {
      await new Promise<void>((resolve) => {
        const cancel = systemClock.after(milliseconds, () => this.#wake?.());
        this.#wake = () => {
          this.#wake = undefined;
          cancel();
          resolve();
        };
      });
    }
    const happened = this.#news;
    this.#news = false;
    return happened;
  }
}
