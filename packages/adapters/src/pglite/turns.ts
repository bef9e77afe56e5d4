import { AsyncLocalStorage } from 'node:async_hooks';
import { TransactionError } from '@tidemark/core';

/** One transaction that has its turn; `over` tells a caller that merely descends from it. */
interface Holder {
  over: boolean;
}

/**
 * Gives turns, one at a time, first come, first served. PGlite has one connection: a statement from outside in the middle of
 * a transaction would become part of it, or wait for it for ever.
 */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  readonly #holder = new AsyncLocalStorage<Holder>();
  #taken = false;

  /** Runs work that is a turn by itself, such as one statement. */
  async once<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#taken) await this.#turn();
    else this.#taken = true;
    try {
      return await work();
    } finally {
      this.#release();
    }
  }

  /** Runs a transaction, in which asking for another turn is refused. */
  async hold<Result>(work: () => Promise<Result>): Promise<Result> {
    const holder: Holder = { over: false };
    return this.once(async () => {
      try {
        return await this.#holder.run(holder, work);
      } finally {
        holder.over = true;
      }
    });
  }

  /** @throws {TransactionError} called from inside of {@link hold} */
  checkOutside(): void {
    if (this.#holder.getStore()?.over === false) {
      throw new TransactionError(
        'Inside of a transaction only the transaction itself may be used: the backend would wait for it for ever. ' +
          'Use the `tx` that the work was given.',
      );
    }
  }

  #turn(): Promise<void> {
    this.checkOutside();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Hands the turn over without a gap that someone could slip into. */
  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken = false;
    else next();
  }
}
