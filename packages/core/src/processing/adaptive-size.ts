/** What the size shrinks to when a batch took too long, as a part of what it was. */
const DECREASE = 0.7;
/** The steps in which the size grows, as a part of the most. */
const STEPS = 32;
/** The size to begin with, where the most allows it. */
const FIRST = 16;

/** What became of one batch. */
export interface BatchMeasure {
  /** Events in it. */
  readonly size: number;
  /** Milliseconds that it took. */
  readonly tookMs: number;
  /** True if it held as many as it might: more were waiting, or could have been. */
  readonly wasFull: boolean;
  readonly failed: boolean;
}

/**
 * Finds the size of batches that take about as long as wanted: the largest that keeps to the target, since what a call costs by itself
 * is then shared by the most events.
 *
 * Additive increase, multiplicative decrease (Chiu and Jain, "Analysis of the increase and decrease algorithms for congestion avoidance
 * in computer networks", 1989), with a slow start that doubles the size until a batch first takes too long (Jacobson, "Congestion
 * avoidance and control", 1988). A batch that was not full tells nothing of larger ones, so it does not let the size grow (after RFC
 * 7661): without a backlog, the size stays. A batch that failed shrinks it, as its size may have been the reason.
 *
 * It assumes nothing of how the time depends on the size but that larger batches take longer; that is why it is not the gradient of
 * latencies, as in Netflix's concurrency-limits, which takes any latency above the least one for a queue.
 */
export class AdaptiveSize {
  readonly #min: number;
  readonly #max: number;
  readonly #targetMs: number;
  #size: number;
  #isStarting = true;

  constructor({
    min,
    max,
    targetMs,
  }: {
    readonly min: number;
    readonly max: number;
    readonly targetMs: number;
  }) {
    this.#min = min;
    this.#max = max;
    this.#targetMs = targetMs;
    this.#size = Math.min(max, Math.max(min, FIRST));
  }

  /** Most events that the next batch should have: a whole number from `min` to `max`. */
  get current(): number {
    return Math.floor(this.#size);
  }

  /** Learns from a batch. */
  record({ size, tookMs, wasFull, failed }: BatchMeasure): void {
    if (failed || tookMs > this.#targetMs) {
      this.#isStarting = false;
      // From what it was, not from what is now allowed: a batch that was small and slow must not be followed by a larger one.
      this.#size = Math.max(this.#min, Math.min(this.#size, size) * DECREASE);
    } else if (wasFull) {
      const larger = this.#isStarting ? this.#size * 2 : this.#size + Math.max(1, this.#max / STEPS);
      this.#size = Math.min(this.#max, larger);
    }
  }
}
