import fastq from 'fastq';
import PQueue from 'p-queue';
import { checkDone } from '../harness.js';

/** How work comes to a queue: so many at a time, each lot when the one before is done, or everything at once. */
export type Arrival = 'in chunks' | 'as a backlog';

const concurrency = 16;
const chunk = 500;

/** Gives items to a queue and waits until all of them are done. */
const enqueue = async <Item>(
  items: readonly Item[],
  arrival: Arrival,
  add: (item: Item) => Promise<unknown>,
): Promise<void> => {
  const size = arrival === 'in chunks' ? chunk : items.length;
  for (let start = 0; start < items.length; start += size) {
    await Promise.all(items.slice(start, start + size).map(add));
  }
};

/** Gives all to fastq with promises and an asynchronous no-op worker. */
export const throughFastq = async (items: readonly unknown[], arrival: Arrival): Promise<void> => {
  let handled = 0;
  const queue = fastq.promise(async () => {
    handled += 1;
  }, concurrency);
  await enqueue(items, arrival, (item) => queue.push(item));
  checkDone('items handled', handled, items.length);
};

/** Gives all to fastq with callbacks and a worker that calls back at once. */
export const throughSynchronousFastq = async (items: readonly unknown[]): Promise<void> => {
  let handled = 0;
  const queue = fastq((_: unknown, done: fastq.done) => {
    handled += 1;
    done(null);
  }, concurrency);
  await new Promise<void>((resolve) => {
    queue.drain = resolve;
    for (const item of items) queue.push(item);
    if (queue.idle()) resolve();
  });
  checkDone('items handled', handled, items.length);
};

/** Gives all to p-queue with four priorities and an asynchronous no-op task. */
export const throughPQueue = async (items: readonly unknown[], arrival: Arrival): Promise<void> => {
  let handled = 0;
  let priority = 0;
  const queue = new PQueue({ concurrency });
  const task = async (): Promise<void> => {
    handled += 1;
  };
  await enqueue(items, arrival, () => {
    priority = (priority + 1) % 4;
    return queue.add(task, { priority });
  });
  checkDone('items handled', handled, items.length);
};
