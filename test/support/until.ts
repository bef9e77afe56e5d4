import { setTimeout as wait } from 'node:timers/promises';

/** So long something is waited for, in milliseconds: long enough for a busy machine, and less than a test may take. */
const longestMs = 50_000;

/**
 * Waits until something is so.
 *
 * @throws after 50 s, with the source of the condition
 */
export const until = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
  for (const end = Date.now() + longestMs; !(await isSo()); ) {
    if (Date.now() > end) throw new Error(`Waited ${longestMs / 1_000} s in vain for ${String(isSo)}`);
    await wait(10);
  }
};
