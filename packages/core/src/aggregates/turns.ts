import { AsyncLocalStorage } from 'node:async_hooks';
import { NestedCommandError } from './errors.js';

/** A turn that the running code is part of. */
interface Turn {
  readonly stream: string;
  over: boolean;
}

/**
 * Lets work on one stream happen one after another, in the order in which it came, while streams go side by side.
 *
 * A turn taken from within another one is refused: two that wait for each other's would wait for ever.
 */
export class Turns {
  readonly #current = new AsyncLocalStorage<Turn>();
  readonly #last = new Map<string, Promise<void>>();

  /**
   * Runs `work` when everything that came before it for the stream has ended, well or badly.
   *
   * @throws {NestedCommandError} called from within a turn that has not ended
   */
  async take<Result>(stream: string, work: () => Promise<Result>): Promise<Result> {
    const surrounding = this.#current.getStore();
    if (surrounding !== undefined && !surrounding.over)
      throw new NestedCommandError(stream, surrounding.stream);
    const before = this.#last.get(stream);
    const turn: Turn = { stream, over: false };
    let finish: (() => void) | undefined;
    const end = new Promise<void>((resolve) => {
      finish = resolve;
    });
    this.#last.set(stream, end);
    try {
      await before;
      return await this.#current.run(turn, work);
    } finally {
      turn.over = true;
      if (this.#last.get(stream) === end) this.#last.delete(stream);
      finish?.();
    }
  }
}
