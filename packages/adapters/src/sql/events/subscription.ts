import { defaultBatchSize } from '@tidemark/core';
import type { SubscribeOptions, Subscription, SubscriptionBatch } from '@tidemark/core';
import type { LogPages } from './log-page.js';
import type { SafePosition } from './safe-position.js';
import type { WakeUp } from './wake-up.js';

/** What a subscription reads from. */
export interface SubscriptionSource {
  readonly pages: LogPages;
  readonly safe: SafePosition;
  readonly wakeUp: WakeUp;
  /** How long it waits at the head before it looks again without having been woken, in milliseconds. */
  readonly pollMs: number;
}

/** A reader that follows the log. It holds no events, only its place; it asks for the next page when it is pulled. */
export class SqlSubscription implements Subscription {
  readonly #source: SubscriptionSource;
  readonly #options: SubscribeOptions;
  readonly #batches: AsyncGenerator<SubscriptionBatch, void, undefined>;
  readonly #onEnd: (subscription: SqlSubscription) => void;
  readonly #abort = (): void => this.#end();
  #closed = false;
  #cancelWait: (() => void) | undefined;

  constructor(
    source: SubscriptionSource,
    options: SubscribeOptions,
    onEnd: (subscription: SqlSubscription) => void,
  ) {
    this.#source = source;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#batches = this.#run();
    if (options.signal?.aborted === true) this.#closed = true;
    else options.signal?.addEventListener('abort', this.#abort, { once: true });
  }

  [Symbol.asyncIterator](): AsyncIterator<SubscriptionBatch, void, undefined> {
    return this.#batches;
  }

  async close(): Promise<void> {
    this.#end();
    await this.#batches.return();
  }

  #end(): void {
    this.#closed = true;
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#onEnd(this);
    this.#cancelWait?.();
  }

  async *#run(): AsyncGenerator<SubscriptionBatch, void, undefined> {
    const { pages, safe, wakeUp, pollMs } = this.#source;
    const { filter, batchSize = defaultBatchSize, after = 0n } = this.#options;
    let position = after < 0n ? 0n : after;
    let announced = false;
    try {
      while (!this.#closed) {
        const { count } = wakeUp;
        let head = await safe.current();
        while (!this.#closed && position < head) {
          const page = await pages.read({ from: position + 1n, to: head }, batchSize, 'forwards', filter);
          position = page.rest.from - 1n;
          // Whoever has come to the end looks again, so as not to say that nothing is left when there is.
          if (position >= head) head = await safe.current();
          announced = position >= head;
          if (!this.#closed) yield { events: page.events, position, caughtUp: announced };
        }
        if (!announced && !this.#closed) {
          announced = true;
          yield { events: [], position, caughtUp: true };
        }
        if (!this.#closed) await wakeUp.past(count, pollMs, (cancel) => (this.#cancelWait = cancel));
      }
    } catch (error) {
      // Closed with its backend while it read: that is its end, not an error.
      if (!this.#closed) throw error;
    } finally {
      this.#end();
    }
  }
}
