import { sleep, systemClock } from '../clock.js';

/** Most milliseconds between two tries. */
const longest = 200;

/**
 * Waits before a decision is tried again after a conflict: not at all the first time, since the other writer is done;
 * then a random time up to a bound that doubles ("full jitter"), so that writers which keep colliding part ways.
 *
 * By the machine's own time: colliding writers part ways in real time, also where a test's clock stands still.
 *
 * @param conflicts how many there were, from 1
 */
export const backOff = async (conflicts: number, signal: AbortSignal): Promise<void> => {
  if (conflicts === 1) return;
  await sleep(systemClock, Math.random() * Math.min(longest, 2 ** conflicts), signal);
};
