import { setTimeout as wait } from 'node:timers/promises';
import { CheckpointConflictError, type ProcessorRunner } from '@tidemark/core';
import type { Generations } from './generations.js';

/** Milliseconds after which looking at the generations is tried again where it failed. */
const retryMs = 1_000;
/** Most milliseconds to wait before going on with a generation that another process feeds too. */
const mostPauseMs = 250;

/**
 * Keeps a runner with the generation that is to be fed, whoever switched to it. That another process has switched, or feeds the
 * same generation, shows by a checkpoint that is not where it should be: the batch was rolled back, and the runner goes on behind
 * what is stored, with the generation that is live now.
 */
export class Following {
  readonly #generations: Generations;
  readonly #runner: ProcessorRunner;
  #unsubscribe: (() => void) | undefined;
  #going: Promise<void> | undefined;
  #stopping = new AbortController();

  constructor(generations: Generations, runner: ProcessorRunner) {
    this.#generations = generations;
    this.#runner = runner;
  }

  /** Settles when the runner goes on after a conflict; at once if there is none. */
  get settled(): Promise<void> | undefined {
    return this.#going;
  }

  start(): void {
    this.#stopping = new AbortController();
    this.#unsubscribe = this.#runner.onChange(() => this.#look());
  }

  /** Follows no more, and waits for what is under way. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#stopping.abort();
    await this.#going;
  }

  #look(): void {
    if (this.#going !== undefined || this.#stopping.signal.aborted) return;
    const { state, failure } = this.#runner.status();
    if (state !== 'failed' || !(failure?.error instanceof CheckpointConflictError)) return;
    const going = async (): Promise<void> => {
      const goesOn = await this.#goOn();
      this.#going = undefined;
      // It may have met with the next conflict already.
      if (goesOn) this.#look();
    };
    this.#going = going();
  }

  /** @returns false if there is nothing for this process to go on with */
  async #goOn(): Promise<boolean> {
    const { signal } = this.#stopping;
    const before = this.#generations.live.number;
    for (;;) {
      try {
        await this.#generations.refresh();
        // Another version is active: what feeds it is not in this process, and the failure says so.
        if (!this.#generations.isCurrent && !this.#isBuilding()) return false;
        await this.#runner.stop();
        if (signal.aborted) return false;
        this.#generations.follow();
        if (this.#generations.live.number === before) await pause(Math.random() * mostPauseMs, signal);
        if (signal.aborted) return false;
        await this.#runner.start();
        return true;
      } catch {
        await pause(retryMs, signal);
        if (signal.aborted) return false;
      }
    }
  }

  /** Whether a generation is being built that this process's definition can feed. */
  #isBuilding(): boolean {
    const { live, row } = this.#generations;
    return row.building?.number === live.number;
  }
}

const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  wait(milliseconds, undefined, { signal }).catch(() => undefined);
