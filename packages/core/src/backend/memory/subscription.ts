import { defaultBatchSize } from '../../log/check-read.js';
import type { SubscribeOptions, Subscription, SubscriptionBatch } from '../../log/event-store.js';
import { compileFilter } from '../../log/filter.js';
import type { RecordedEvent } from '../../messages/event.js';
import type { Log } from './log.js';

/** Most events looked at for one batch, so that a filter that matches nothing cannot block the process. */
const mostScanned = 10_000;

/** A reader of the log that waits at its end. It holds no events, only its place. */
export class MemorySubscription implements Subscription {
  readonly #log: Log;
  readonly #options: SubscribeOptions;
  readonly #batches: AsyncGenerator<SubscriptionBatch, void, undefined>;
  readonly #onEnd: (subscription: MemorySubscription) => void;
  readonly #abort = (): void => this.#end();
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(log: Log, options: SubscribeOptions, onEnd: (subscription: MemorySubscription) => void) {
    this.#log = log;
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
    this.#wake?.();
  }

  async *#run(): AsyncGenerator<SubscriptionBatch, void, undefined> {
    const { filter, batchSize = defaultBatchSize, after = 0n } = this.#options;
    const matches = compileFilter(filter);
    const { events: log } = this.#log;
    // Behind the head there is nothing to skip to: whoever asks for a place that is not there yet waits for it.
    let next = Number(after < 0n ? 0n : after);
    let announced = false;
    try {
      while (!this.#closed) {
        const first = next;
        const events: RecordedEvent[] = [];
        const end = Math.min(log.length, next + Math.max(mostScanned, batchSize));
        while (next < end && events.length < batchSize) {
          const event = log[next++];
          if (event !== undefined && matches(event)) events.push(event.recorded());
        }
        if (next > first || !announced) {
          const caughtUp = next >= log.length;
          announced = caughtUp;
          yield { events, position: BigInt(next), caughtUp };
        } else {
          await this.#changed();
        }
      }
    } finally {
      this.#end();
    }
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wake = undefined;
        this.#log.forget(wake);
        resolve();
      };
      this.#wake = wake;
      this.#log.onceChanged(wake);
    });
  }
}
