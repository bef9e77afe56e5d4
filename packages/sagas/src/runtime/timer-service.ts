import type { Clock, Health, Lifecycle, Timer, TimerStore } from '@tidemark/core';
import { Gathering } from './gathering.js';

/** Takes the timers of one target that are due. What it throws leaves them to be claimed again. */
export type TimerHandler = (timer: Timer) => Promise<void>;

/** How long a claim holds: as long as handling a page of timers may take. */
const claimMs = 30_000;
const claimLimit = 100;
/** Longest time without looking: other processes schedule timers too. */
const longestWaitMs = 5_000;
/** After a failure, or when what is due is claimed by others. */
const pauseMs = 500;

/**
 * The one watcher of an application's saga timers: sleeps until the next is due, claims, hands over, removes. A timer
 * that was handed over but not removed comes again, and is nothing new to its instance.
 *
 * Schedules and removals that come while one is under way go to the store together.
 */
export class TimerService implements Lifecycle {
  readonly #store: TimerStore;
  readonly #clock: Clock;
  readonly #handlers = new Map<string, TimerHandler>();
  readonly #schedule: Gathering<Timer>;
  readonly #remove: Gathering<string>;
  #running = false;
  /** What went wrong last; the service goes on and tries again. */
  #failure: Error | undefined;
  /** Timers whose handler failed and that were not fired since. */
  readonly #failed = new Map<string, Error>();
  #loop: Promise<void> | undefined;
  /** Set when something new was scheduled since the store was last asked. */
  #nudged = false;
  #endSleep: (() => void) | undefined;
  /** When the present sleep ends, in milliseconds since the epoch. */
  #asleepUntil = 0;

  constructor(store: TimerStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#schedule = new Gathering((timers) => store.schedule(timers));
    this.#remove = new Gathering((ids) => store.remove(ids));
  }

  handle(target: string, handler: TimerHandler): void {
    this.#handlers.set(target, handler);
  }

  /** Resolves when the timer is stored. */
  async schedule(timer: Timer): Promise<void> {
    await this.#schedule.add([timer]);
    this.#nudged = true;
    if (timer.dueAt.getTime() < this.#asleepUntil) this.#endSleep?.();
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#remove.add(ids);
  }

  start(): Promise<void> {
    if (!this.#running) {
      this.#running = true;
      this.#loop = this.#run();
    }
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#endSleep?.();
    await this.#loop;
  }

  health(): Health {
    const failures = [...(this.#failure === undefined ? [] : [this.#failure]), ...this.#failed.values()];
    const reasons = new Set(failures.map(({ message }) => `Timers of sagas fire late: ${message}`));
    return { status: reasons.size === 0 ? 'up' : 'degraded', reasons: [...reasons] };
  }

  async #run(): Promise<void> {
    while (this.#running) {
      this.#nudged = false;
      let waitMs = pauseMs;
      try {
        waitMs = await this.#fireDue();
        this.#failure = undefined;
      } catch (error) {
        this.#failure = errorOf(error);
      }
      if (waitMs > 0 && !this.#nudged) await this.#sleep(waitMs);
    }
  }

  async #sleep(waitMs: number): Promise<void> {
    if (!this.#running) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(waitMs, resolve);
      this.#asleepUntil = this.#clock.now().getTime() + waitMs;
      this.#endSleep = () => {
        cancel();
        resolve();
      };
    });
    this.#endSleep = undefined;
    this.#asleepUntil = 0;
  }

  /** @returns milliseconds until it is worth looking again */
  async #fireDue(): Promise<number> {
    let next = longestWaitMs;
    for (const [target, handler] of this.#handlers) {
      const dueIn = await this.#store.untilNextDue(target);
      if (dueIn === undefined || dueIn > 0) {
        next = Math.min(next, dueIn ?? longestWaitMs);
        continue;
      }
      const timers = await this.#store.claimDue({ target, limit: claimLimit, claimMs });
      await Promise.all(timers.map((timer) => this.#fire(timer, handler)));
      next = Math.min(next, timers.length === 0 ? pauseMs : 0);
    }
    return next;
  }

  async #fire(timer: Timer, handler: TimerHandler): Promise<void> {
    try {
      await handler(timer);
      await this.remove([timer.id]);
      this.#failed.delete(timer.id);
    } catch (error) {
      // It is claimed again when its claim has run out.
      this.#failed.set(timer.id, errorOf(error));
    }
  }
}

const errorOf = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
