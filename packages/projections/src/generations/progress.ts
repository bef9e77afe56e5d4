/** How far a generation is built. */
export interface RebuildProgress {
  readonly projection: string;
  /** Number of the generation being built. */
  readonly generation: number;
  /** Events handled since this run of the rebuild began. */
  readonly handled: number;
  /** Everything up to and including this position is built. */
  readonly position: bigint;
  /** The end of the log, as far as it is known. */
  readonly head: bigint;
  /** From 0 to 1: `position` of `head`. */
  readonly fraction: number;
  /** Events handled per second, over the last ten seconds. */
  readonly ratePerSecond: number;
  /** Milliseconds to go at the present speed; `undefined` until a speed is known. */
  readonly etaMs: number | undefined;
}

interface Sample {
  readonly at: number;
  readonly handled: number;
  readonly position: bigint;
}

const windowMs = 10_000;

/**
 * Speed and remaining time from samples of the last ten seconds: steady where single batches jitter, and right again soon
 * after the speed has changed.
 */
export class ProgressMeter {
  readonly #projection: string;
  readonly #generation: number;
  #head: bigint;
  #samples: Sample[];

  /**
   * @param at now, in milliseconds
   * @param position where this run begins
   * @param head the end of the log
   */
  constructor(projection: string, generation: number, at: number, position: bigint, head: bigint) {
    this.#projection = projection;
    this.#generation = generation;
    this.#head = head;
    this.#samples = [{ at, handled: 0, position }];
  }

  /** Notes where the rebuild is now, and tells what follows from it. */
  at(at: number, position: bigint, handled: number): RebuildProgress {
    if (position > this.#head) this.#head = position;
    this.#samples.push({ at, handled, position });
    // The oldest sample within the window is kept, and at least one to compare with.
    const start = this.#samples.findIndex((sample) => sample.at >= at - windowMs);
    this.#samples = this.#samples.slice(Math.min(start, this.#samples.length - 2));
    const oldest = this.#samples[0] ?? { at, handled, position };
    const seconds = (at - oldest.at) / 1000;
    const positionsPerSecond = seconds > 0 ? Number(position - oldest.position) / seconds : 0;
    const remaining = Number(this.#head - position);
    return {
      projection: this.#projection,
      generation: this.#generation,
      handled,
      position,
      head: this.#head,
      fraction: this.#head === 0n ? 1 : Number(position) / Number(this.#head),
      ratePerSecond: seconds > 0 ? (handled - oldest.handled) / seconds : 0,
      etaMs:
        remaining === 0 ? 0 : positionsPerSecond > 0 ? (remaining / positionsPerSecond) * 1000 : undefined,
    };
  }
}
