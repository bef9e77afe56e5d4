import type { Clock } from '../clock.js';

/**
 * Waits for one of the promises, but not for ever.
 *
 * @returns false if the time was over first
 */
export const settledWithin = async (
  clock: Clock,
  milliseconds: number,
  promises: readonly Promise<void>[],
): Promise<boolean> => {
  let cancel: (() => void) | undefined;
  const timeOver = new Promise<false>((resolve) => {
    cancel = clock.after(milliseconds, () => resolve(false));
  });
  try {
    return await Promise.race([timeOver, ...promises.map((promise) => promise.then(() => true))]);
  } finally {
    cancel?.();
  }
};
