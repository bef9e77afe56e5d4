import type { Clock, ProcessorRunner } from '@tidemark/core';
import { deferred } from '../deferred.js';
import type { Generations } from './generations.js';

/** Milliseconds after which a switch that failed is tried again. */
const retryMs = 1_000;

/**
 * Carries a raised version through: the runner builds the new generation, and once it has caught up it becomes the
 * active one. It is the runner's own generation, so the runner need not even pause.
 */
export class Upgrade {
  /** Resolves when the new version answers queries. */
  readonly done: Promise<void>;
  readonly #generations: Generations;
  readonly #runner: ProcessorRunner;
  readonly #clock: Clock;
  readonly #resolve: () => void;
  #unsubscribe: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #switching: Promise<void> | undefined;
  #isStopped = false;
  #failure: unknown;

  constructor(generations: Generations, runner: ProcessorRunner, clock: Clock) {
    this.#generations = generations;
    this.#runner = runner;
    this.#clock = clock;
    const { promise, resolve } = deferred();
    this.done = promise;
    this.#resolve = resolve;
  }

  /** Why the last try at switching failed; it is tried again. */
  get failure(): unknown {
    return this.#failure;
  }

  start(): void {
    if (!this.#generations.isUpgrading) {
      this.#resolve();
      return;
    }
    this.#unsubscribe = this.#runner.onChange(({ caughtUp }) => {
      if (caughtUp) this.#switch();
    });
  }

  /** Waits for a switch under way, and begins none any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unsubscribe?.();
    this.#cancelRetry?.();
    await this.#switching;
  }

  #switch(): void {
    if (this.#switching !== undefined || this.#isStopped) return;
    this.#cancelRetry?.();
    this.#switching = this.#try().finally(() => {
      this.#switching = undefined;
    });
  }

  async #try(): Promise<void> {
    const generations = this.#generations;
    try {
      // Another process that builds the same generation may have switched to it.
      if (!generations.isCurrent) await generations.switchTo(generations.live);
    } catch (error) {
      this.#failure = error;
      if (!this.#isStopped) this.#cancelRetry = this.#clock.after(retryMs, () => this.#switch());
      return;
    }
    this.#failure = undefined;
    this.#unsubscribe?.();
    this.#resolve();
    await generations.dropRetired();
  }
}
