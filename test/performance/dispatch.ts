import { manyBare, manyOurs } from './dispatch/many-processors.js';
import { throughFastq, throughPQueue, throughSynchronousFastq } from './dispatch/queues.js';
import { readyBackend, readyEvents } from './dispatch/ready-log.js';
import { checkDone, type Group, rate } from './harness.js';
import { catchUp, counting, newRunner } from './no-op-processor.js';

/** Events in one batch; the chunks that the queues get are as large. */
const batchSize = 500;

/** Times the way of events that are ready from the subscription to a handler, in order by key. */
const throughRunner = async (
  events: ReturnType<typeof readyEvents>,
  kind: 'synchronous' | 'asynchronous',
): Promise<number> => {
  let handled = 0;
  const backend = readyBackend(events, batchSize);
  const runner = newRunner(
    backend,
    counting(kind, () => {
      handled += 1;
    }),
    batchSize,
  );
  const speed = await rate(events.length, () => catchUp(runner, BigInt(events.length)));
  checkDone('events handled', handled, events.length);
  return speed;
};

const toOneHandler = (scale: number): Group => {
  const backlog = 20_000;
  const many = 100_000 * scale;
  return {
    cases: [
      { name: `asynchronous handler, ${many}, against fastq in chunks`, unit: 'events' },
      { name: `asynchronous handler, ${many}, against fastq with a backlog`, unit: 'events' },
      { name: `asynchronous handler, ${many}, against p-queue in chunks`, unit: 'events' },
      { name: `asynchronous handler, ${backlog}, against p-queue with a backlog`, unit: 'events' },
      { name: `synchronous handler, ${many}, against fastq with callbacks`, unit: 'events' },
    ],
    ours: async () => {
      const events = readyEvents(many);
      const fewer = readyEvents(backlog);
      return {
        runs: [
          () => throughRunner(events, 'asynchronous'),
          () => throughRunner(events, 'asynchronous'),
          () => throughRunner(events, 'asynchronous'),
          () => throughRunner(fewer, 'asynchronous'),
          () => throughRunner(events, 'synchronous'),
        ],
      };
    },
    bare: async () => {
      const events = readyEvents(many);
      const fewer = readyEvents(backlog);
      return {
        runs: [
          () => throughFastq(events, 'in chunks'),
          () => throughFastq(events, 'as a backlog'),
          () => throughPQueue(events, 'in chunks'),
          () => throughPQueue(fewer, 'as a backlog'),
          () => throughSynchronousFastq(events),
        ],
      };
    },
  };
};

const toManyHandlers = (scale: number): Group => {
  const processors = 100;
  const events = 5_000 * scale;
  return {
    cases: [{ name: `${processors} processors in one process, each gets all ${events}`, unit: 'events' }],
    ours: async () => ({ runs: [() => manyOurs(processors, events)] }),
    bare: async () => ({ runs: [() => manyBare(processors, events)] }),
  };
};

/** From the log to handlers in this process, with order by key. */
export const dispatch = (scale: number): readonly Group[] => [toOneHandler(scale), toManyHandlers(scale)];
