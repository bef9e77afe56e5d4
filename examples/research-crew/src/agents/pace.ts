import { sleep, systemClock } from '@tidemark/core';

/** How fast agents hand in their work. Without a model they are done before a person has seen them begin. */
export class Pace {
  readonly #leastMs: number;

  /** @param leastMs least milliseconds that a piece of work takes; 0 for as fast as it goes */
  constructor(leastMs: number) {
    this.#leastMs = leastMs;
  }

  /** @throws the signal's reason, once it is aborted */
  async keep<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const begin = performance.now();
    const result = await work();
    const left = this.#leastMs - (performance.now() - begin);
    if (left > 0) await sleep(systemClock, left, signal);
    signal.throwIfAborted();
    return result;
  }
}
