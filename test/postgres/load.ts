import { setTimeout as wait } from 'node:timers/promises';
import { StoreUnavailableError, type EventStore } from '@tidemark/core';

/** What was written under load, and what became of it. */
export interface LoadResult {
  readonly acknowledged: number;
  /** Appends that failed because the store was away: nobody knows what became of them. */
  readonly failed: number;
  /** Acknowledged appends that are not there, and appends of which a part is there. */
  readonly lost: readonly string[];
  readonly halves: readonly string[];
  /** Events in the log that the subscription did not give, or gave twice or in another order. */
  readonly missed: number;
  readonly disordered: number;
}

const eventsEach = (name: string): number => (name.endsWith('0') ? 3 : 1);

/**
 * Has many callers append until `work` is done, while someone follows the log from its beginning and begins anew, as the
 * runtime does, when the store was away.
 */
export const underLoad = async (
  events: EventStore,
  callers: number,
  work: (progress: () => number) => Promise<void>,
): Promise<LoadResult> => {
  const acknowledged = new Set<string>();
  let failed = 0;
  const over = new AbortController();

  const call = async (caller: number): Promise<void> => {
    for (let n = 0; !over.signal.aborted; n++) {
      const name = `${caller}-${n}`;
      const parts = Array.from({ length: eventsEach(name) }, () => ({ type: 'T', data: name }));
      try {
        await events.append(`caller-${caller}-${n % 3}`, parts);
        acknowledged.add(name);
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        failed += 1;
      }
    }
  };

  const seen: bigint[] = [];
  const controller = new AbortController();
  let position = 0n;
  const follow = async (): Promise<void> => {
    while (!controller.signal.aborted) {
      try {
        for await (const batch of events.subscribe({ after: position, signal: controller.signal })) {
          seen.push(...batch.events.map((event) => event.position));
          ({ position } = batch);
        }
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        await wait(10);
      }
    }
  };

  const following = follow();
  const calls = Array.from({ length: callers }, (_, caller) => call(caller));
  try {
    await work(() => acknowledged.size);
  } finally {
    over.abort();
    await Promise.all(calls);
  }
  const found = new Map<string, number>();
  const positions: bigint[] = [];
  for await (const batch of events.readAll()) {
    for (const event of batch) {
      positions.push(event.position);
      found.set(String(event.data), (found.get(String(event.data)) ?? 0) + 1);
    }
  }
  while (position < (positions.at(-1) ?? 0n)) await wait(10);
  controller.abort();
  await following;
  const got = new Set(seen);
  return {
    acknowledged: acknowledged.size,
    failed,
    lost: [...acknowledged].filter((name) => !found.has(name)),
    halves: [...found].filter(([name, count]) => count !== eventsEach(name)).map(([name]) => name),
    missed: positions.filter((each) => !got.has(each)).length,
    disordered: seen.filter((each, index) => index > 0 && each <= (seen[index - 1] ?? 0n)).length,
  };
};
