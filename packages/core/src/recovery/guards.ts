import { bulkhead, type BulkheadPolicy } from 'cockatiel';
import type { Clock } from '../clock.js';
import { ConfigurationError } from '../error.js';
import type { BreakerOptions, BulkheadOptions } from '../model/handler-policy.js';
import { Breaker, type BreakerStatus } from './breaker.js';

interface SharedBulkhead {
  readonly policy: BulkheadPolicy;
  readonly concurrency: number;
}

/** The circuit breakers and bulkheads of an application: those of one name are one. */
export class Guards {
  readonly #clock: Clock;
  readonly #breakers = new Map<string, Breaker>();
  readonly #bulkheads = new Map<string, SharedBulkhead>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** All breakers, as they are now. */
  breakers(): readonly BreakerStatus[] {
    return [...this.#breakers.values()].map(({ status }) => status);
  }

  /**
   * The breaker that the options name, made at the first call.
   *
   * @param own the name of one that is not shared
   * @throws {ConfigurationError} it is known with other options, or these make no sense
   */
  breaker(options: BreakerOptions, own: string): Breaker {
    const name = options.name ?? own;
    const known = this.#breakers.get(name);
    const saysMore = hasMore(options);
    if (known !== undefined && (!saysMore || isSame(known.options, options))) return known;
    if (known !== undefined && hasMore(known.options)) {
      throw new ConfigurationError(
        `Breaker "${name}" is described in two ways: give its options at one place, and only its name at the others.`,
      );
    }
    if (known !== undefined) {
      known.describe(options);
      return known;
    }
    const breaker = new Breaker(name, options, this.#clock);
    this.#breakers.set(name, breaker);
    return breaker;
  }

  /**
   * The bulkhead that the options name, made at the first call. What finds it full waits.
   *
   * @throws {ConfigurationError} it is known with another size, or the size makes no sense
   */
  bulkhead({ name: given, concurrency }: BulkheadOptions, own: string): BulkheadPolicy {
    const name = given ?? own;
    if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
      throw new ConfigurationError(
        `"concurrency" of bulkhead "${name}" must be a whole number from 1, not ${String(concurrency)}.`,
      );
    }
    const known = this.#bulkheads.get(name);
    if (known !== undefined && known.concurrency !== concurrency) {
      throw new ConfigurationError(
        `Bulkhead "${name}" has two sizes, ${known.concurrency} and ${concurrency}: give the same one everywhere.`,
      );
    }
    if (known !== undefined) return known.policy;
    const policy = bulkhead(concurrency, Number.POSITIVE_INFINITY);
    this.#bulkheads.set(name, { policy, concurrency });
    return policy;
  }
}

const hasMore = ({ failures, probeAfterMs, maxProbeAfterMs }: BreakerOptions): boolean =>
  failures !== undefined || probeAfterMs !== undefined || maxProbeAfterMs !== undefined;

const isSame = (a: BreakerOptions, b: BreakerOptions): boolean =>
  a.failures === b.failures && a.probeAfterMs === b.probeAfterMs && a.maxProbeAfterMs === b.maxProbeAfterMs;
