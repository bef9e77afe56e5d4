/** Time as the framework sees it; tests put in one that they control. */
export interface Clock {
  /** The time of this moment. */
  now(): Date;
  /** Calls back once after so many milliseconds, unless cancelled by the returned function. Does not keep the process alive on its own where `unref` is true (default: false). */
  after(milliseconds: number, callback: () => void, options?: { readonly unref?: boolean }): () => void;
}

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => new Date(),
  after(milliseconds, callback, options) {
    const timer = setTimeout(callback, milliseconds);
    if (options?.unref === true) timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Waits on a clock; ends early, without an error, when the signal is aborted. */
export const sleep = (clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(milliseconds, done);
    signal?.addEventListener('abort', done, { once: true });
  });
