/**
 * Counts the reads under way of each generation, so that none is dropped under a query that began before the switch.
 */
export class Readers {
  readonly #counts = new Map<number, number>();
  readonly #waiting = new Map<number, (() => void)[]>();

  /** Runs a read of a generation. */
  async read<Result>(generation: number, work: () => Promise<Result>): Promise<Result> {
    this.#counts.set(generation, (this.#counts.get(generation) ?? 0) + 1);
    try {
      return await work();
    } finally {
      this.#leave(generation);
    }
  }

  /** Resolves once no read of the generation is under way. */
  idle(generation: number): Promise<void> {
    if (!this.#counts.has(generation)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.set(generation, [...(this.#waiting.get(generation) ?? []), resolve]);
    });
  }

  #leave(generation: number): void {
    const left = (this.#counts.get(generation) ?? 0) - 1;
    if (left > 0) {
      this.#counts.set(generation, left);
      return;
    }
    this.#counts.delete(generation);
    for (const resolve of this.#waiting.get(generation) ?? []) resolve();
    this.#waiting.delete(generation);
  }
}
