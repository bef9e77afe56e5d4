import { AsyncLocalStorage } from 'node:async_hooks';
import { NestedCommandError } from './errors.js';

/** A turn that the running code is part of. */
interface Turn {
  readonly of: Turns;
  readonly stream: string;
  /** The one that it was taken in, of another application. */
  readonly within: Turn | undefined;
  over: boolean;
}

/** One for all applications: on Node 20 each of them that was ever used makes every promise of the process dearer, for ever. */
const current = new AsyncLocalStorage<Turn>();

/**
 * Lets work on one stream happen one after another, in the order in which it came, while streams go side by side.
 *
 * A turn taken from within another one is refused: two that wait for each other's would wait for ever.
 */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /**
   * Runs `work` when everything that came before it for the stream has ended, well or badly.
   *
   * @throws {NestedCommandError} called from within a turn that has not ended
   */
  async take<Result>(stream: string, work: () => Promise<Result>): Promise<Result> {
    let within = current.getStore();
    while (within?.over === true) within = within.within;
    for (let turn = within; turn !== undefined; turn = turn.within) {
      if (turn.of === this && !turn.over) throw new NestedCommandError(stream, turn.stream);
    }
    const before = this.#last.get(stream);
    const turn: Turn = { of: this, stream, within, over: false };
    let finish: (() => void) | undefined;
    const end = new Promise<void>((resolve) => {
      finish = resolve;
    });
    this.#last.set(stream, end);
    try {
      await before;
      return await current.run(turn, work);
    } finally {
      turn.over = true;
      if (this.#last.get(stream) === end) this.#last.delete(stream);
      finish?.();
    }
  }
}
