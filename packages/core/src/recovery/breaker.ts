import {
  BrokenCircuitError,
  CircuitState,
  circuitBreaker,
  ConsecutiveBreaker,
  handleAll,
  type CircuitBreakerPolicy,
  type IBackoff,
} from 'cockatiel';
import type { Clock } from '../clock.js';
import { ConfigurationError } from '../error.js';
import type { BreakerOptions } from '../model/handler-policy.js';
import { BreakerOpenError } from './errors.js';
import { toError } from './thrown.js';

/** Milliseconds after which a call asks again while another one probes. */
const PROBING_MS = 50;
/** The share by which waits are spread. */
const SPREAD = 0.1;
/** After so many doublings every wait has reached its maximum. */
const MOST_DOUBLINGS = 30;

/** A circuit breaker as seen from outside. */
export interface BreakerStatus {
  readonly name: string;
  /** `closed`: calls go through. `open`: none does. `half-open`: one does, to find out. */
  readonly state: 'closed' | 'open' | 'half-open';
  /** Since when it is not closed; `undefined` while it is. */
  readonly since: Date | undefined;
  /** The last failure that opened it, or kept it open. */
  readonly error: Error | undefined;
}

const isWait = (value: number): boolean => Number.isFinite(value) && value > 0;

/**
 * A circuit breaker (cockatiel's, after Nygard, "Release It!"): opens after so many failures in a row; while it is open, calls are
 * refused at once; now and then, less and less often, one call probes, and closes it or not.
 */
export class Breaker {
  readonly name: string;
  readonly #clock: Clock;
  #options: BreakerOptions;
  #policy: CircuitBreakerPolicy;
  readonly #listeners = new Set<() => void>();
  #since: Date | undefined;
  #error: Error | undefined;
  /** By the clock that the breaker itself goes by. */
  #probeAt = 0;

  /** @throws {ConfigurationError} a number that makes no sense */
  constructor(name: string, options: BreakerOptions, clock: Clock) {
    this.name = name;
    this.#clock = clock;
    this.#options = options;
    this.#policy = this.#newPolicy(options);
  }

  get options(): BreakerOptions {
    return this.#options;
  }

  /** Gives options to one that was only named so far. It begins anew, closed. */
  describe(options: BreakerOptions): void {
    this.#policy = this.#newPolicy(options);
    this.#options = options;
  }

  get status(): BreakerStatus {
    const { state } = this.#policy;
    return {
      name: this.name,
      state:
        state === CircuitState.Closed ? 'closed' : state === CircuitState.HalfOpen ? 'half-open' : 'open',
      since: this.#since,
      error: this.#error,
    };
  }

  get isClosed(): boolean {
    return this.#policy.state === CircuitState.Closed;
  }

  /** Calls back when it opens, probes or closes. Returns what ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Does work, unless it is open.
   *
   * @param counts whether a failure says that what the work depends on is away; other failures say that it is there
   * @throws {BreakerOpenError} it is open; nothing was done
   * @throws what the work throws
   */
  async run(work: () => Promise<void>, counts: (thrown: unknown) => boolean): Promise<void> {
    // While one probes, the others wait in the lanes, not here, where they would hold a place.
    if (this.#policy.state === CircuitState.HalfOpen) throw new BreakerOpenError(this.name, PROBING_MS);
    let isBegun = false;
    let failure: { readonly thrown: unknown } | undefined;
    try {
      await this.#policy.execute(async () => {
        isBegun = true;
        try {
          await work();
        } catch (thrown) {
          failure = { thrown };
          if (!counts(thrown)) return;
          this.#error = toError(thrown);
          throw thrown;
        }
      });
    } catch (thrown) {
      if (!isBegun && thrown instanceof BrokenCircuitError)
        throw new BreakerOpenError(this.name, this.#waitMs());
      if (failure === undefined) throw thrown;
    }
    if (failure !== undefined) throw failure.thrown;
  }

  #newPolicy(options: BreakerOptions): CircuitBreakerPolicy {
    const { failures = 10, probeAfterMs = 5_000, maxProbeAfterMs = Math.max(60_000, probeAfterMs) } = options;
    if (
      !(Number.isSafeInteger(failures) && failures >= 1) ||
      !isWait(probeAfterMs) ||
      !(isWait(maxProbeAfterMs) && maxProbeAfterMs >= probeAfterMs)
    ) {
      throw new ConfigurationError(
        `Breaker "${this.name}": "failures" must be a whole number from 1, "probeAfterMs" and "maxProbeAfterMs" milliseconds above 0, ` +
          `the latter not below the former; they are ${failures}, ${probeAfterMs} and ${maxProbeAfterMs}.`,
      );
    }
    const waitOf = (probes: number): IBackoff<unknown> => {
      const duration = Math.min(maxProbeAfterMs, probeAfterMs * 2 ** Math.min(probes, MOST_DOUBLINGS));
      // Asked for when a wait begins.
      this.#probeAt = Date.now() + duration;
      return { duration, next: () => waitOf(probes + 1) };
    };
    const policy = circuitBreaker(handleAll, {
      breaker: new ConsecutiveBreaker(failures),
      halfOpenAfter: { next: () => waitOf(0) },
    });
    policy.onStateChange((state) => this.#changed(state));
    return policy;
  }

  #waitMs(): number {
    return Math.max(1, this.#probeAt - Date.now()) * (1 + Math.random() * SPREAD);
  }

  #changed(state: CircuitState): void {
    if (state === CircuitState.Closed) {
      this.#since = undefined;
      this.#error = undefined;
    } else this.#since ??= this.#clock.now();
    for (const listener of this.#listeners) listener();
  }
}
