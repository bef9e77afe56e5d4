import { ExponentialBackoff, fullJitterGenerator, type IBackoff } from 'cockatiel';
import { ConfigurationError } from '../error.js';
import type { RetryPolicy } from '../model/processor-definition.js';

/** After so many doublings every sensible delay has reached its maximum; the generator's power would overflow later. */
const MOST_DOUBLINGS = 64;

/** The waits of one failing piece of work. */
export interface RetryWaits {
  /** Milliseconds to wait before the next try. */
  next(): number;
}

/**
 * A retry policy with its defaults filled in: exponential backoff with full jitter (cockatiel's generator, after
 * "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). Before the n-th retry it waits between 0 and
 * `initialDelayMs * 2^(n-1)` milliseconds, at most `maxDelayMs`. Waiting itself is left to the caller's clock.
 */
export class RetrySchedule {
  /** Tries in all, the first one included. */
  readonly attempts: number;
  readonly #backoff: ExponentialBackoff<number>;

  /** @throws {ConfigurationError} attempts that are no whole number from 1, or a negative or infinite delay */
  constructor(policy: RetryPolicy = {}) {
    const { attempts = 5, initialDelayMs = 100, maxDelayMs = 30_000 } = policy;
    if (!Number.isSafeInteger(attempts) || attempts < 1) {
      throw new ConfigurationError(`retry.attempts must be a whole number from 1, not ${String(attempts)}.`);
    }
    for (const [name, value] of Object.entries({ initialDelayMs, maxDelayMs })) {
      if (Number.isFinite(value) && value >= 0) continue;
      throw new ConfigurationError(`retry.${name} must be 0 or more milliseconds, not ${String(value)}.`);
    }
    this.attempts = attempts;
    this.#backoff = new ExponentialBackoff({
      generator: (doublings = 0, options) =>
        fullJitterGenerator(Math.min(doublings, MOST_DOUBLINGS), options),
      initialDelay: initialDelayMs,
      maxDelay: maxDelayMs,
    });
  }

  /** The waits of one piece of work, from the first on. They never end: counting the tries is the caller's. */
  waits(): RetryWaits {
    let current: IBackoff<unknown> | undefined;
    return {
      next: () => {
        current = current?.next(undefined) ?? this.#backoff.next();
        return current.duration;
      },
    };
  }
}
