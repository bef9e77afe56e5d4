import { AsyncLocalStorage } from 'node:async_hooks';
import { TransactionError } from '@tidemark/core';

/** One transaction; `over` tells a caller that merely descends from it. */
interface Scope {
  over: boolean;
}

/**
 * Knows who is called from inside of a transaction. Whoever asks the backend there in place of the transaction would see
 * another state of the database, and wait for locks that are their own, or for the last connection, for ever.
 */
export class TransactionScope {
  readonly #scope = new AsyncLocalStorage<Scope>();

  /** Runs the work of a transaction. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    const scope: Scope = { over: false };
    try {
      return await this.#scope.run(scope, work);
    } finally {
      scope.over = true;
    }
  }

  /** @throws {TransactionError} called from inside of {@link run} */
  checkOutside(): void {
    if (this.#scope.getStore()?.over === false) {
      throw new TransactionError(
        'Inside of a transaction only the transaction itself may be used: the backend would wait for it for ever. ' +
          'Use the `tx` that the work was given.',
      );
    }
  }
}
