import type { Backend, RecordedEvent } from '@tidemark/core';
import PQueue from 'p-queue';
import { checkDone } from '../harness.js';
import { catchUp, newRunner } from '../no-op-processor.js';
import { readyBackend, readyEvents } from '../dispatch/ready-log.js';

const [side = '', count = '0'] = process.argv.slice(2);
const events = Number(count);
const priorities = ['critical', 'high', 'normal', 'low'] as const;

/** The most memory that this process ever had, in megabytes; Node compiles the sources in it, too. */
const peak = (): number => (process.resourceUsage().maxRSS * 1_024) / 1_000_000;

const sampleOf = (): RecordedEvent => {
  const [first] = readyEvents(1);
  if (first === undefined) throw new Error('There is no event to copy.');
  return first;
};

const sample = sampleOf();

/** A log that makes its events when they are read, so that only who keeps them has them in memory. */
const madeWhenRead = (): Backend => {
  const inner = readyBackend([], 1);
  const size = 500;
  return {
    ...inner,
    transaction: (work) => inner.transaction(work),
    open: () => inner.open(),
    close: () => inner.close(),
    events: {
      ...inner.events,
      head: async () => BigInt(events),
      subscribe: () => {
        let close = (): void => undefined;
        const closed = new Promise<void>((resolve) => {
          close = resolve;
        });
        async function* run() {
          for (let first = 0; first < events; first += size) {
            const batch: readonly RecordedEvent[] = Array.from({ length: size }, (_, index) => ({
              ...sample,
              position: BigInt(first + index + 1),
              data: { number: first + index },
            }));
            yield { events: batch, position: BigInt(first + size), caughtUp: first + size >= events };
          }
          await closed;
        }
        const iterator = run();
        return { [Symbol.asyncIterator]: () => iterator, close: async () => close() };
      },
    },
  };
};

const ours = async (): Promise<number> => {
  let handled = 0;
  const runner = newRunner(
    madeWhenRead(),
    {
      mode: 'each',
      handle: async () => {
        handled += 1;
      },
    },
    { policy: { priority: ({ position }) => priorities[Number(position % 4n)] ?? 'normal' } },
  );
  await catchUp(runner, BigInt(events));
  checkDone('events handled', handled, events);
  return peak();
};

/** The whole backlog in a queue with priorities. */
const bare = async (): Promise<number> => {
  let handled = 0;
  const queue = new PQueue({ concurrency: 16 });
  for (let number = 0; number < events; number += 1) {
    const event = { ...sample, position: BigInt(number), data: { number } };
    void queue.add(
      async () => {
        handled += event.data.number >= 0 ? 1 : 0;
      },
      { priority: number % 4 === 0 ? 1 : 0 },
    );
  }
  await queue.onIdle();
  checkDone('items done', handled, events);
  return peak();
};

console.log(await (side === 'ours' ? ours() : bare()));
