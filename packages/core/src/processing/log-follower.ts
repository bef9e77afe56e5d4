import { sleep, type Clock } from '../clock.js';
import type { EventStore, SubscribeOptions, Subscription, SubscriptionBatch } from '../log/event-store.js';
import { RetrySchedule } from '../recovery/retry-schedule.js';
import { toError } from '../recovery/thrown.js';

export interface LogFollowerOptions {
  readonly store: EventStore;
  readonly clock: Clock;
  /** Asked at each opening of a subscription. */
  readonly subscribe: () => Omit<SubscribeOptions, 'after' | 'signal'>;
  /** Start behind this position, exclusive. */
  readonly after: bigint | undefined;
  /** Takes in a batch; the next is not asked for before it settles. */
  readonly take: (batch: SubscriptionBatch) => void | Promise<void>;
  /** The subscription ended or failed, and is opened again; `undefined` when it delivers again. */
  readonly trouble: (error: Error | undefined, reason: string) => void;
}

/**
 * Follows the log through subscriptions: one that ends or fails is replaced by a new one behind the last batch that was
 * taken in, after a wait that grows from try to try, for as long as it takes.
 */
export class LogFollower {
  readonly #options: LogFollowerOptions;
  readonly #closing = new AbortController();
  #after: bigint | undefined;
  #subscription: Subscription | undefined;
  /** What the subscription still delivers is not to be used. */
  #isStale = false;

  constructor(options: LogFollowerOptions) {
    this.#options = options;
    this.#after = options.after;
  }

  /** Follows until {@link close}. Never rejects. */
  async run(): Promise<void> {
    const { clock, trouble } = this.#options;
    const { signal } = this.#closing;
    let waits = new RetrySchedule().waits();
    while (!signal.aborted) {
      let error: Error | undefined;
      try {
        await this.#consume(() => {
          waits = new RetrySchedule().waits();
        });
      } catch (thrown) {
        error = toError(thrown);
      }
      if (signal.aborted) return;
      if (this.#isStale) continue;
      trouble(error, error === undefined ? 'its subscription ended by itself' : 'its subscription failed');
      await sleep(clock, waits.next(), signal);
    }
  }

  /**
   * Opens a new subscription behind the last batch that was taken in, since what is to be subscribed has changed. No
   * batch of the old one is taken in any more.
   */
  reopen(): void {
    this.#isStale = true;
    // Whatever comes of it, nothing more is read from it.
    void this.#subscription?.close().catch(() => undefined);
  }

  /** Ends it. What is being taken in is not waited for. */
  async close(): Promise<void> {
    this.#closing.abort();
    try {
      await this.#subscription?.close();
    } catch {
      // It was to end, and has: nothing more is read from it.
    }
  }

  async #consume(delivered: () => void): Promise<void> {
    const { store, subscribe, take, trouble } = this.#options;
    const { signal } = this.#closing;
    this.#isStale = false;
    const subscription = store.subscribe({ ...subscribe(), after: this.#after, signal });
    this.#subscription = subscription;
    for await (const batch of subscription) {
      if (signal.aborted || this.#isStale) return;
      delivered();
      trouble(undefined, '');
      const room = take(batch);
      if (room !== undefined) await room;
      this.#after = batch.position;
    }
  }
}
