import type { Clock } from '../clock.js';

/** What a migration is doing. */
export type MigrationPhase = 'copying' | 'following' | 'verifying';

/** How far a migration has come. */
export interface MigrationProgress {
  readonly phase: MigrationPhase;
  /** Events of the source that were handled by this run, those left out by transformations included. */
  readonly handled: number;
  /** Events written to the target by this run. */
  readonly written: number;
  /**
   * How many events this run has to handle in all: an estimate from the positions, assuming that what is ahead is as dense
   * as what was handled. `undefined` as long as nothing was handled.
   */
  readonly total: number | undefined;
  /** The place in the source up to which all is in the target. */
  readonly position: bigint;
  /** The share of the way to the end that is done, from 0 to 1. */
  readonly fraction: number;
  /** Events handled a second, over about the last ten seconds. */
  readonly ratePerSecond: number;
  /** Milliseconds until the end at this rate; `undefined` as long as none can be said. */
  readonly etaMs: number | undefined;
}

/** Over how long the rate is taken, in milliseconds. */
const windowMs = 10_000;

/** Keeps count of a run. */
export class ProgressMeter {
  readonly #clock: Clock;
  readonly #samples: { readonly at: number; readonly handled: number }[] = [];
  readonly #start: bigint;
  #handled = 0;
  #written = 0;
  position: bigint;
  end: bigint;
  phase: MigrationPhase = 'copying';

  constructor(clock: Clock, start: bigint, end: bigint) {
    this.#clock = clock;
    this.#start = start;
    this.position = start;
    this.end = end;
    this.#sample();
  }

  count(handled: number, written: number): void {
    this.#handled += handled;
    this.#written += written;
    this.#sample();
  }

  get(): MigrationProgress {
    const { position, phase } = this;
    const length = this.end - this.#start;
    const gone = position - this.#start;
    const fraction = length <= 0n || gone >= length ? 1 : Number(gone) / Number(length);
    const total =
      fraction === 1 ? this.#handled : gone > 0n ? Math.round(this.#handled / fraction) : undefined;
    const rate = this.#rate();
    const etaMs =
      total === undefined || (rate === 0 && fraction < 1)
        ? undefined
        : rate === 0
          ? 0
          : Math.round(((total - this.#handled) / rate) * 1000);
    return {
      phase,
      handled: this.#handled,
      written: this.#written,
      total,
      position,
      fraction,
      ratePerSecond: rate,
      etaMs,
    };
  }

  #sample(): void {
    const at = this.#clock.now().getTime();
    this.#samples.push({ at, handled: this.#handled });
    while (this.#samples.length > 2 && (this.#samples[1]?.at ?? at) < at - windowMs) this.#samples.shift();
  }

  #rate(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at <= first.at) return 0;
    return ((last.handled - first.handled) * 1000) / (last.at - first.at);
  }
}
