import { TransactionScope } from '../sql/transaction-scope.js';

/**
 * Gives turns, one at a time, first come, first served. PGlite has one connection: a statement from outside in the middle of
 * a transaction would become part of it, or wait for it for ever.
 */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  readonly #scope = new TransactionScope();
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
    return this.once(() => this.#scope.run(work));
  }

  /** @throws {TransactionError} called from inside of {@link hold} */
  checkOutside(): void {
    this.#scope.checkOutside();
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
