import type { Composition, Lifecycle } from '../app/composition.js';
import type { Health } from '../app/health.js';
import { toError } from '../recovery/thrown.js';
import { tickOf, timerTarget } from './ticks.js';

/** How long a claim holds: as long as it may take to append a page of ticks. */
const claimMs = 5_000;
const claimLimit = 100;
/** Longest time without looking: other processes set timers too. */
const longestWaitMs = 1_000;
/** Shortest time between two looks while a timer is expected that is not there yet: its transaction may still be under way. */
const shortestWaitMs = 10;

/** Waits for the timers of correlations, whichever node set them, and appends their ticks. One in an application. */
export class TimeKeeper implements Lifecycle {
  readonly #composition: Pick<Composition, 'appends' | 'backend' | 'clock'>;
  #running = false;
  #loop: Promise<void> | undefined;
  #failure: Error | undefined;
  /** The earliest time for which a timer was announced that has not rung. */
  #expected: number | undefined;
  #pauseMs = shortestWaitMs;
  #wake: (() => void) | undefined;

  constructor(composition: Pick<Composition, 'appends' | 'backend' | 'clock'>) {
    this.#composition = composition;
  }

  /** A timer is being set that will ring then, in milliseconds since 1970. */
  expect(at: number): void {
    if (this.#expected !== undefined && this.#expected <= at) return;
    this.#expected = at;
    this.#pauseMs = shortestWaitMs;
    this.#wake?.();
  }

  start(): Promise<void> {
    if (this.#running) return Promise.resolve();
    this.#running = true;
    this.#loop = this.#run();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#wake?.();
    await this.#loop;
  }

  health(): Health {
    if (this.#failure === undefined) return { status: 'up', reasons: [] };
    return {
      status: 'degraded',
      reasons: [`Correlations notice late that time passes: ${this.#failure.message}`],
    };
  }

  async #run(): Promise<void> {
    while (this.#running) {
      let untilNext: number | undefined;
      try {
        untilNext = await this.#ringDue();
        this.#failure = undefined;
      } catch (thrown) {
        this.#failure = toError(thrown);
      }
      await this.#sleep(untilNext);
    }
  }

  /** @returns milliseconds until the next one rings, as far as it is there */
  async #ringDue(): Promise<number | undefined> {
    const { backend, appends } = this.#composition;
    for (;;) {
      const untilNext = await backend.timers.untilNextDue(timerTarget);
      if (untilNext === undefined || untilNext > 0 || !this.#running) return untilNext;
      const timers = await backend.timers.claimDue({ target: timerTarget, limit: claimLimit, claimMs });
      if (timers.length === 0) return undefined;
      for (const timer of timers) {
        const { stream, event } = tickOf(timer);
        await appends.append(stream, [event]);
        if (this.#expected !== undefined && timer.dueAt.getTime() >= this.#expected)
          this.#expected = undefined;
      }
      await backend.timers.remove(timers.map(({ id }) => id));
    }
  }

  async #sleep(untilNext: number | undefined): Promise<void> {
    if (!this.#running) return;
    const { clock } = this.#composition;
    let waitMs = Math.min(untilNext ?? longestWaitMs, longestWaitMs);
    if (this.#expected !== undefined) {
      const untilExpected = this.#expected - clock.now().getTime();
      if (untilExpected > 0) {
        waitMs = Math.min(waitMs, untilExpected);
      } else {
        // Announced, but not there: not committed yet, rolled back, or the clocks differ.
        waitMs = Math.min(waitMs, this.#pauseMs);
        this.#pauseMs = Math.min(this.#pauseMs * 2, longestWaitMs);
      }
    }
    await new Promise<void>((resolve) => {
      const cancel = clock.after(waitMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
