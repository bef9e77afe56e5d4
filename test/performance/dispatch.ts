import { manyBare, manyOurs } from './dispatch/many-processors.js';
import { throughFastq, throughPQueue, throughSynchronousFastq } from './dispatch/queues.js';
import { readyBackend, readyEvents } from './dispatch/ready-log.js';
import { checkDone, type Group, rate } from './harness.js';
import { catchUp, counting, newRunner } from './no-op-processor.js';

/** Events in one batch; the chunks that the queues get are as large. */
const batchSize = 500;

/** Events that are ready at once: as many wait where a queue is given a backlog. */
const backlog = 20_000;

type Events = ReturnType<typeof readyEvents>;

/** Times the way of events that are ready, from the subscription to a handler, in order by key. */
const throughRunner = async (events: Events, kind: 'synchronous' | 'asynchronous'): Promise<void> => {
  let handled = 0;
  const backend = readyBackend(events, batchSize);
  const runner = newRunner(
    backend,
    counting(kind, () => {
      handled += 1;
    }),
    { batchSize },
  );
  await catchUp(runner, BigInt(events.length));
  checkDone('events handled', handled, events.length);
};

/** Runs on the same events again and again, since once is over in a moment. */
const repeatedly = (times: number, events: Events, once: (events: Events) => Promise<void>) => () =>
  rate(times * events.length, async () => {
    for (let turn = 0; turn < times; turn += 1) await once(events);
  });

const toOneHandler = (scale: number): Group => {
  const times = Math.ceil(10 * scale);
  const few = Math.ceil(3 * scale);
  const name = (handler: string, rival: string): Group['cases'][number] => ({
    name: `${handler} handler, ${backlog}, against ${rival}`,
    unit: 'events',
  });
  return {
    cases: [
      name('asynchronous', 'fastq in chunks'),
      name('asynchronous', 'fastq with a backlog'),
      name('asynchronous', 'p-queue in chunks'),
      name('asynchronous', 'p-queue with a backlog'),
      name('synchronous', 'fastq with callbacks'),
    ],
    ours: async () => {
      const events = readyEvents(backlog);
      const asynchronous = repeatedly(times, events, (all) => throughRunner(all, 'asynchronous'));
      const synchronous = repeatedly(times, events, (all) => throughRunner(all, 'synchronous'));
      return { runs: [asynchronous, asynchronous, asynchronous, asynchronous, synchronous] };
    },
    bare: async () => {
      const events = readyEvents(backlog);
      return {
        runs: [
          repeatedly(times, events, (all) => throughFastq(all, 'in chunks')),
          repeatedly(times, events, (all) => throughFastq(all, 'as a backlog')),
          repeatedly(times, events, (all) => throughPQueue(all, 'in chunks')),
          repeatedly(few, events, (all) => throughPQueue(all, 'as a backlog')),
          repeatedly(times, events, throughSynchronousFastq),
        ],
      };
    },
  };
};

const toManyHandlers = (scale: number): Group => {
  const processors = 100;
  const events = 10_000 * scale;
  return {
    cases: [
      {
        name: `memory, ${processors} processors, ${events} events, each for a tenth of them`,
        unit: 'events',
      },
    ],
    ours: async () => ({ runs: [() => manyOurs(processors, events)] }),
    bare: async () => ({ runs: [() => manyBare(processors, events)] }),
  };
};

/** From the log to handlers in this process, with order by key. */
export const dispatch = (scale: number): readonly Group[] => [toOneHandler(scale), toManyHandlers(scale)];
