import type { Clock } from '@tidemark/core';
import { deferred } from '../deferred.js';
import type { LiveProjection } from './live-projection.js';

/** Milliseconds after which a switch that failed is tried again. */
const retryMs = 1_000;

/**
 * Carries a raised version through: the runner builds the new generation, and once it has caught up it becomes the
 * active one. It is the runner's own generation, so the runner need not even pause.
 */
export class Upgrade {
  /** Resolves when the new version answers queries. */
  readonly done: Promise<void>;
  readonly #projection: LiveProjection;
  readonly #clock: Clock;
  readonly #resolve: () => void;
  #unsubscribe: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #switching: Promise<void> | undefined;
  #isStopped = false;
  #failure: unknown;

  constructor(projection: LiveProjection, clock: Clock) {
    this.#projection = projection;
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
    if (!this.#projection.isUpgrading) {
      this.#resolve();
      return;
    }
    this.#unsubscribe = this.#projection.runner.onChange(({ caughtUp }) => {
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
    const projection = this.#projection;
    try {
      await projection.switchTo(projection.live);
    } catch (error) {
      this.#failure = error;
      if (!this.#isStopped) this.#cancelRetry = this.#clock.after(retryMs, () => this.#switch());
      return;
    }
    this.#failure = undefined;
    this.#unsubscribe?.();
    this.#resolve();
    await projection.dropRetired();
  }
}
