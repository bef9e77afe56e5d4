import { memory, type NewEvent } from '@tidemark/core';
import { MapLog, type MapEvent } from '../bare/map-log.js';
import { checkDone, rate } from '../harness.js';
import { counting, newRunner } from '../no-op-processor.js';
import { sampleEvents, sampleType } from '../sample-events.js';

/** Events in one append. */
const size = 100;

/** Types of events. Each processor handles one of them, so each event is for a tenth of the processors. */
const types = 10;

const typeOf = (number: number): string => `${sampleType}-${number % types}`;

const batch: readonly NewEvent[] = sampleEvents(size).map(({ data, metadata }, index) => ({
  type: typeOf(index),
  data,
  metadata,
}));

const countsOf = (processors: number): number[] => Array.from({ length: processors }, () => 0);

const checkCounts = (counts: readonly number[], events: number): void => {
  for (const [index, count] of counts.entries()) {
    checkDone(`events handled by processor ${index}`, count, events / types);
  }
};

/** Appends events that many processors follow; ends when the last has handled the last of its own. */
export const manyOurs = async (processors: number, events: number): Promise<number> => {
  const backend = memory();
  const counts = countsOf(processors);
  const runners = counts.map((_, index) =>
    newRunner(
      backend,
      counting('synchronous', () => {
        counts[index] = (counts[index] ?? 0) + 1;
      }),
      { types: [typeOf(index)] },
    ),
  );
  await Promise.all(runners.map((runner) => runner.start()));
  const speed = await rate(events, async () => {
    for (let done = 0; done < events; done += size) await backend.events.append(`order-${done}`, batch);
    await Promise.all(runners.map((runner) => runner.waitFor(BigInt(events), { timeoutMs: 60_000 })));
  });
  await Promise.all(runners.map((runner) => runner.drain()));
  checkCounts(counts, events);
  return speed;
};

/** The same by hand: each consumer reads what is new of its type, decoded for itself, whenever it is told to. */
export const manyBare = async (consumers: number, events: number): Promise<number> => {
  const log = new MapLog();
  const counts = countsOf(consumers);
  let position = 0;
  const handle = (consumer: number, event: MapEvent): void => {
    if (event.version >= 0) counts[consumer] = (counts[consumer] ?? 0) + 1;
  };
  const follow = async (consumer: number): Promise<void> => {
    for (const event of await log.page(position, size, typeOf(consumer))) handle(consumer, event);
  };
  const speed = await rate(events, async () => {
    for (let done = 0; done < events; done += size) {
      await log.append(`order-${done}`, -1, batch);
      await Promise.all(counts.map((_, consumer) => follow(consumer)));
      position = log.size;
    }
  });
  checkCounts(counts, events);
  return speed;
};
