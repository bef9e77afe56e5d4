import type { Clock } from '../clock.js';
import { TidemarkError } from '../error.js';

/** A processor did not reach a position in time. It goes on; wait again, or look at its status. */
export class WaitTimeoutError extends TidemarkError {
  readonly code = 'wait-timeout';

  /** @param reached where it stood when the time was over; `undefined` if it had handled nothing */
  constructor(
    readonly processor: string,
    readonly wanted: bigint,
    readonly reached: bigint | undefined,
    readonly timeoutMs: number,
    state: string,
  ) {
    super(
      `Processor "${processor}" (${state}) did not reach position ${wanted} within ${timeoutMs} ms: it stands at ` +
        `${reached ?? 'its start'}. Wait longer, or see its status for what holds it up.`,
    );
  }
}

/** How long to wait for a position, and what ends the wait early. */
export interface PositionWaitOptions {
  /** Milliseconds until {@link WaitTimeoutError}. Default: 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  readonly position: bigint;
  settle(error?: unknown): void;
}

/** Those who wait until a position is reached. Costs nothing while nobody waits. */
export class PositionWaiters {
  readonly #waiters = new Set<Waiter>();

  /**
   * Waits until {@link reach} is called with this position or a later one.
   *
   * @param timeout makes the error when the time is over
   */
  wait(
    position: bigint,
    clock: Clock,
    timeoutMs: number,
    timeout: () => Error,
    signal?: AbortSignal,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const aborted = (): void => waiter.settle(signal?.reason);
      const waiter: Waiter = {
        position,
        settle: (error) => {
          this.#waiters.delete(waiter);
          cancelTimeout();
          signal?.removeEventListener('abort', aborted);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      const cancelTimeout = clock.after(timeoutMs, () => waiter.settle(timeout()));
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', aborted, { once: true });
      if (signal?.aborted === true) aborted();
    });
  }

  reach(position: bigint): void {
    for (const waiter of this.#waiters) if (waiter.position <= position) waiter.settle();
  }

  /** Ends all waits with the error. */
  fail(error: Error): void {
    for (const waiter of this.#waiters) waiter.settle(error);
  }
}
