import type { Clock } from '../clock.js';

/** Milliseconds after which work that waits asks again. */
const MOST_WAIT_MS = 1_000;
/** Milliseconds after which it asks again while one probes. */
const PROBING_MS = 50;
/** Milliseconds after which a probe that has told nothing is not waited for any more. */
const MOST_PROBE_MS = 10_000;

/**
 * While the backend is away, no handler is called but one now and then, to find out: what all others would do is fail. Nothing is
 * lost and no try counted.
 */
export class OutagePause {
  readonly #clock: Clock;
  #isActive = false;
  #isProbing = false;
  #probeAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isActive(): boolean {
    return this.#isActive;
  }

  /** The backend is away. */
  begin(afterMs: number): void {
    // What was under way when it began says nothing new.
    if (this.#isActive && !this.#isProbing) return;
    this.#isActive = true;
    this.#isProbing = false;
    this.#probeAt = this.#clock.now().getTime() + afterMs;
  }

  /** Something ended otherwise than by an outage. */
  end(): void {
    this.#isActive = false;
    this.#isProbing = false;
  }

  /** Milliseconds to wait before asking again; 0 for who may go on, as the probe if it is not over. */
  wait(): number {
    if (!this.#isActive) return 0;
    const now = this.#clock.now().getTime();
    const rest = this.#probeAt - now;
    if (rest > 0) return Math.min(rest, this.#isProbing ? PROBING_MS : MOST_WAIT_MS);
    this.#isProbing = true;
    this.#probeAt = now + MOST_PROBE_MS;
    return 0;
  }
}
