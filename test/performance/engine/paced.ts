import { setTimeout as wait } from 'node:timers/promises';

/** Latencies in milliseconds, the shortest first. */
export type Latencies = readonly number[];

/** The latency that this part of all does not exceed. */
export const percentile = (latencies: Latencies, part: number): number =>
  latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))] ?? Number.NaN;

/** Offers lots of work at a rate, whether the ones before are done or not, and ends when all of them are. */
export const offered = async (
  units: number,
  perSecond: number,
  lot: number,
  give: (first: number) => Promise<unknown>,
): Promise<void> => {
  const begin = performance.now();
  const given: Promise<unknown>[] = [];
  for (let index = 0; index < units; ) {
    const due = Math.min(units, ((performance.now() - begin) * perSecond) / 1_000);
    for (; index < due; index += lot) given.push(give(index));
    await wait(1);
  }
  await Promise.all(given);
};
