import type { Clock } from '../clock.js';

/** Something that went wrong without failing the work that it happened in, and that someone should know of. */
export interface Problem {
  /** What failed, e.g. `saving snapshots of aggregate "order"`. */
  readonly source: string;
  readonly error: unknown;
  readonly at: Date;
}

/** Where such problems are reported to. A source has at most one: the newest; it ends when the source works again. */
export class Problems {
  readonly #clock: Clock;
  readonly #listener: ((problem: Problem) => void) | undefined;
  readonly #current = new Map<string, Problem>();

  /** @param listener told of each problem; what it throws is ignored, since it must not fail the work either */
  constructor(clock: Clock, listener?: (problem: Problem) => void) {
    this.#clock = clock;
    this.#listener = listener;
  }

  report(source: string, error: unknown): void {
    const problem = { source, error, at: this.#clock.now() };
    this.#current.set(source, problem);
    try {
      this.#listener?.(problem);
    } catch {
      // The problem stays visible in the health; a listener that fails has nobody else to tell.
    }
  }

  /** The source works again. */
  resolve(source: string): void {
    if (this.#current.size > 0) this.#current.delete(source);
  }

  /** The problems that were not resolved since. */
  list(): readonly Problem[] {
    return [...this.#current.values()];
  }
}
