import { setTimeout as wait } from 'node:timers/promises';
import type { ProcessorDefinition } from '@tidemark/core';
import { checkDone, rate } from '../harness.js';
import { catchUp, newRunner } from '../no-op-processor.js';
import { readyBackend, readyEvents } from '../dispatch/ready-log.js';

/** Handles events by calls that take a millisecond each, whatever they are about: a round trip to another system. */
export const withRoundTrips = async (events: number, how: 'one by one' | 'in batches'): Promise<number> => {
  let handled = 0;
  const call = async (count: number): Promise<void> => {
    await wait(1);
    handled += count;
  };
  const delivery: ProcessorDefinition['delivery'] =
    how === 'in batches'
      ? { mode: 'batch', max: 100, handle: (batch) => call(batch.length) }
      : { mode: 'each', handle: () => call(1) };
  const runner = newRunner(readyBackend(readyEvents(events), 500), delivery, { batchSize: 500 });
  const speed = await rate(events, () => catchUp(runner, BigInt(events)));
  checkDone('events handled', handled, events);
  return speed;
};
