import { memory } from '@tidemark/core';
import { MapLog, type MapEvent } from '../bare/map-log.js';
import { checkDone, rate } from '../harness.js';
import { counting, newRunner } from '../no-op-processor.js';
import { sampleEvents } from '../sample-events.js';

/** Events in one append. */
const size = 100;

const countsOf = (processors: number): number[] => Array.from({ length: processors }, () => 0);

const checkCounts = (counts: readonly number[], events: number): void => {
  for (const [index, count] of counts.entries())
    checkDone(`events handled by processor ${index}`, count, events);
};

/** Appends events that many processors follow, each of which gets every one; ends when the last has handled the last. */
export const manyOurs = async (processors: number, events: number): Promise<number> => {
  const backend = memory();
  const counts = countsOf(processors);
  const runners = counts.map((_, index) =>
    newRunner(
      backend,
      counting('synchronous', () => {
        counts[index] = (counts[index] ?? 0) + 1;
      }),
      500,
    ),
  );
  await Promise.all(runners.map((runner) => runner.start()));
  const batch = sampleEvents(size);
  const speed = await rate(events, async () => {
    for (let done = 0; done < events; done += size) await backend.events.append(`order-${done}`, batch);
    await Promise.all(runners.map((runner) => runner.waitFor(BigInt(events), { timeoutMs: 60_000 })));
  });
  await Promise.all(runners.map((runner) => runner.drain()));
  checkCounts(counts, events);
  return speed;
};

/** The same by hand: each consumer reads what is new, decoded for itself, whenever it is told to. */
export const manyBare = async (consumers: number, events: number): Promise<number> => {
  const log = new MapLog();
  const counts = countsOf(consumers);
  const positions = countsOf(consumers);
  const handle = (consumer: number, event: MapEvent): void => {
    if (event.version >= 0) counts[consumer] = (counts[consumer] ?? 0) + 1;
  };
  const follow = async (consumer: number): Promise<void> => {
    const page = await log.page(positions[consumer] ?? 0, 500);
    positions[consumer] = page.at(-1)?.position ?? 0;
    for (const event of page) handle(consumer, event);
  };
  const batch = sampleEvents(size);
  const speed = await rate(events, async () => {
    for (let done = 0; done < events; done += size) {
      await log.append(`order-${done}`, -1, batch);
      await Promise.all(counts.map((_, consumer) => follow(consumer)));
    }
  });
  checkCounts(counts, events);
  return speed;
};
