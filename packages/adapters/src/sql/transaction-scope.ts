import { AsyncLocalStorage } from 'node:async_hooks';
import { TransactionError } from '@tidemark/core';

/** One transaction; `over` tells a caller that merely descends from it. */
interface Running {
  readonly of: TransactionScope;
  /** The one that it was begun in, of another backend. */
  readonly within: Running | undefined;
  over: boolean;
}

/** One for all backends: on Node 20 each of them that was ever used makes every promise of the process dearer, for ever. */
const current = new AsyncLocalStorage<Running>();

/** The innermost transaction that the running code is part of. */
const innermost = (): Running | undefined => {
  let running = current.getStore();
  while (running?.over === true) running = running.within;
  return running;
};

/**
 * Knows who is called from inside of a transaction. Whoever asks the backend there in place of the transaction would see
 * another state of the database, and wait for locks that are their own, or for the last connection, for ever.
 */
export class TransactionScope {
  /** Runs the work of a transaction. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    const running: Running = { of: this, within: innermost(), over: false };
    try {
      return await current.run(running, work);
    } finally {
      running.over = true;
    }
  }

  /** @throws {TransactionError} called from inside of {@link run} */
  checkOutside(): void {
    for (let running = current.getStore(); running !== undefined; running = running.within) {
      if (running.of !== this || running.over) continue;
      throw new TransactionError(
        'Inside of a transaction only the transaction itself may be used: the backend would wait for it for ever. ' +
          'Use the `tx` that the work was given.',
      );
    }
  }
}
