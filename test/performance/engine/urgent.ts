import { setImmediate } from 'node:timers/promises';
import type { RecordedEvent } from '@tidemark/core';
import PQueue from 'p-queue';
import { checkDone } from '../harness.js';
import { catchUp, newRunner } from '../no-op-processor.js';
import { readyBackend, readyEvents } from '../dispatch/ready-log.js';

/** Urgent events behind all others. */
const urgent = 100;

const concurrency = 16;

/** A log whose last events are urgent. */
const eventsWithUrgent = (backlog: number): readonly RecordedEvent[] => {
  const [template] = readyEvents(1);
  if (template === undefined) throw new Error('There is no event to copy.');
  return Array.from({ length: backlog + urgent }, (_, index) => ({
    ...template,
    position: BigInt(index + 1),
    stream: `order-${index}`,
    type: index < backlog ? template.type : 'urgent',
  }));
};

/** Milliseconds from when all of it waits until the last urgent event is handled. */
export const urgentOurs = async (backlog: number, withPriority: boolean): Promise<number> => {
  const events = eventsWithUrgent(backlog);
  const done: number[] = [];
  let begin = Number.NaN;
  const runner = newRunner(
    readyBackend(events, 500),
    {
      mode: 'each',
      concurrency,
      handle: async ({ type }) => {
        if (Number.isNaN(begin)) begin = performance.now();
        await setImmediate();
        if (type === 'urgent') done.push(performance.now() - begin);
      },
    },
    {
      batchSize: 500,
      readAhead: backlog + urgent,
      policy: withPriority ? { priority: ({ type }) => (type === 'urgent' ? 'critical' : 'normal') } : {},
    },
  );
  await catchUp(runner, BigInt(events.length));
  checkDone('urgent events handled', done.length, urgent);
  return Math.max(...done);
};

/** The same in p-queue, which hands out by priority alone. */
export const urgentInPQueue = async (backlog: number): Promise<number> => {
  const queue = new PQueue({ concurrency });
  const done: number[] = [];
  let begin = Number.NaN;
  const add = (isUrgent: boolean): Promise<void> =>
    queue.add(
      async () => {
        if (Number.isNaN(begin)) begin = performance.now();
        await setImmediate();
        if (isUrgent) done.push(performance.now() - begin);
      },
      { priority: isUrgent ? 1 : 0 },
    );
  const all = Array.from({ length: backlog + urgent }, (_, index) => add(index >= backlog));
  await Promise.all(all);
  checkDone('urgent items done', done.length, urgent);
  return Math.max(...done);
};
