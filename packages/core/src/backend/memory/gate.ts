import { AsyncLocalStorage } from 'node:async_hooks';
import { TransactionError } from '../transaction.js';

/** One transaction holding a gate; `over` tells a caller that merely descends from it. */
interface Holder {
  readonly of: Gate;
  /** The one that it was begun in, of another gate. */
  readonly within: Holder | undefined;
  over: boolean;
}

/** One for all gates: on Node 20 each of them that was ever used makes every promise of the process dearer, for ever. */
const current = new AsyncLocalStorage<Holder>();

/** The innermost transaction that the running code is part of. */
const innermost = (): Holder | undefined => {
  let holder = current.getStore();
  while (holder?.over === true) holder = holder.within;
  return holder;
};

/**
 * Lets one writer in at a time: a single write, or a transaction from its beginning to its end. First come, first served.
 *
 * While no transaction is under way a write runs at once. A write through the backend's own ports from *inside* a
 * transaction would wait for itself for ever; it is refused instead.
 */
export class Gate {
  readonly #waiting: (() => void)[] = [];
  #held = false;

  /** Runs one write when no transaction is under way. */
  async write<Result>(work: () => Result): Promise<Result> {
    if (this.#held) await this.#turn();
    else this.#held = true;
    try {
      return work();
    } finally {
      this.#release();
    }
  }

  /** Runs a transaction while every other writer waits. */
  async hold<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#held) await this.#turn();
    else this.#held = true;
    const holder: Holder = { of: this, within: innermost(), over: false };
    try {
      return await current.run(holder, work);
    } finally {
      holder.over = true;
      this.#release();
    }
  }

  #turn(): Promise<void> {
    for (let holder = current.getStore(); holder !== undefined; holder = holder.within) {
      if (holder.of !== this || holder.over) continue;
      throw new TransactionError(
        'Inside of a transaction only the transaction itself may be used: the backend would wait for it for ever. ' +
          'Use the `tx` that the work was given.',
      );
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Hands the gate over without opening it, so that nobody slips in between. */
  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#held = false;
    else next();
  }
}
