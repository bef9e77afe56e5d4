import type { SqlRow } from '../driver.js';

/**
 * How long what is only progress may wait for more of it, in milliseconds. Events that match are never held up.
 */
const progressMs = 5;

/** What a subscription waits with at the end of the log. */
export interface Waiting {
  /** Whether a row may be one that it wants. */
  readonly mayMatch: (row: SqlRow) => boolean;
  /** True when it has something to say that can wait for a moment: progress, or that it is caught up. */
  readonly due: boolean;
}

/** Why a wait has ended: there may be rows to read, it is time to tell of progress, or it was cancelled. */
export type Woken = 'rows' | 'progress' | 'cancelled';

/** One subscription that waits. */
class Waiter {
  readonly mayMatch: (row: SqlRow) => boolean;
  due: boolean;
  readonly settle: (woken: Woken) => void;
  readonly fail: (error: unknown) => void;

  constructor({ mayMatch, due }: Waiting, settle: (woken: Woken) => void, fail: (error: unknown) => void) {
    this.mayMatch = mayMatch;
    this.due = due;
    this.settle = settle;
    this.fail = fail;
  }
}

/**
 * The subscriptions that wait at the end of the log. One is woken at once by a row that it may want. Those for which nothing
 * has come are told of progress together, some milliseconds later, so that an append costs nothing per subscription but a
 * look at its row.
 */
export class TailWaiters {
  readonly #waiters = new Set<Waiter>();
  #progress: NodeJS.Timeout | undefined;

  /**
   * Waits until something happens.
   *
   * @param onCancel receives a function that ends the wait at once
   * @throws what {@link fail} is given
   */
  wait(waiting: Waiting, onCancel: (cancel: () => void) => void): Promise<Woken> {
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(waiting, resolve, reject);
      this.#waiters.add(waiter);
      if (waiter.due) this.#tellSoon();
      onCancel(() => {
        this.#waiters.delete(waiter);
        resolve('cancelled');
      });
    });
  }

  /** The log has grown by these rows, or by positions without any. */
  grown(rows: readonly SqlRow[]): void {
    for (const waiter of this.#waiters) {
      if (rows.some(waiter.mayMatch)) this.#settle(waiter, 'rows');
      else waiter.due = true;
    }
    if (this.#waiters.size > 0) this.#tellSoon();
  }

  /** Wakes all: what they wait behind is no longer there. */
  wakeAll(): void {
    for (const waiter of this.#waiters) this.#settle(waiter, 'rows');
  }

  /** Ends all waits with an error. */
  fail(error: unknown): void {
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter);
      waiter.fail(error);
    }
  }

  #tellSoon(): void {
    if (this.#progress !== undefined) return;
    this.#progress = setTimeout(() => {
      this.#progress = undefined;
      for (const waiter of this.#waiters) {
        if (waiter.due) this.#settle(waiter, 'progress');
      }
    }, progressMs);
  }

  #settle(waiter: Waiter, woken: Woken): void {
    this.#waiters.delete(waiter);
    waiter.settle(woken);
  }
}
