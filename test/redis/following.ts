import { setTimeout as wait } from 'node:timers/promises';
import { StoreUnavailableError, type EventStore } from '@tidemark/core';

/** Someone who follows the log from its beginning. */
export interface Following {
  /** What was delivered, in that order. */
  readonly positions: readonly bigint[];
  /** Waits until an event at this position, or behind it, was delivered. */
  until(position: bigint): Promise<void>;
  stop(): Promise<void>;
}

/** Follows the log, and begins anew where it was, as the runtime does, when the store was away. */
export const follow = (events: EventStore): Following => {
  const positions: bigint[] = [];
  const controller = new AbortController();
  let reached = 0n;
  const hasReached = (position: bigint): boolean => reached >= position;
  const run = async (): Promise<void> => {
    while (!controller.signal.aborted) {
      try {
        for await (const batch of events.subscribe({ after: reached, signal: controller.signal })) {
          for (const event of batch.events) positions.push(event.position);
          reached = batch.position;
        }
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        await wait(10);
      }
    }
  };
  const running = run();
  return {
    positions,
    async until(position) {
      while (!hasReached(position)) await wait(5);
    },
    async stop() {
      controller.abort();
      await running;
    },
  };
};

/** The positions of all events in the log. */
export const allPositions = async (events: EventStore): Promise<readonly bigint[]> => {
  const positions: bigint[] = [];
  for await (const batch of events.readAll()) positions.push(...batch.map((event) => event.position));
  return positions;
};

/** Waits until the condition holds. */
export const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await wait(10);
};
