import type { Backend, NewEvent, ProcessorRunner } from '@tidemark/core';
import { checkDone } from '../harness.js';
import { newRunner } from '../no-op-processor.js';
import { newName } from '../process/consumer.js';
import { type Sample, sampleEvent, sampleType } from '../sample-events.js';
import { type Latencies, offered } from './paced.js';

/** Types of events. Each processor handles one of them, so each event is for a tenth of the processors. */
const types = 10;

/** Events of one append. */
const lot = 10;

const perSecond = 10_000;

const typeOf = (number: number): string => `${sampleType}-${number % types}`;

/**
 * Appends 10,000 events a second that many processors follow, each wanting a tenth of them.
 *
 * @returns how long it took from each append to each of its handlers
 */
export const manyLive = async (backend: Backend, processors: number, events: number): Promise<Latencies> => {
  const begun: number[] = [];
  const latencies: number[] = [];
  const handle = (event: { readonly data: unknown }): void => {
    latencies.push(performance.now() - (begun[(event.data as Sample).quantity] ?? Number.NaN));
  };
  const runners: readonly ProcessorRunner[] = Array.from({ length: processors }, (_, index) =>
    newRunner(backend, { mode: 'each', handle }, { types: [typeOf(index)], startFrom: 'end' }),
  );
  await Promise.all(runners.map((runner) => runner.start()));
  const head = await backend.events.head();
  await Promise.all(runners.map((runner) => runner.waitFor(head)));
  const stream = newName();
  const { data, metadata } = sampleEvent(1);
  let last = 0n;
  await offered(events, perSecond, lot, async (first) => {
    const now = performance.now();
    const batch: readonly NewEvent[] = Array.from({ length: lot }, (_, index) => {
      begun[first + index] = now;
      return { type: typeOf(first + index), data: { ...data, quantity: first + index }, metadata };
    });
    const { position } = await backend.events.append(`${stream}-${first}`, batch);
    if (position > last) last = position;
  });
  await Promise.all(runners.map((runner) => runner.waitFor(last, { timeoutMs: 60_000 })));
  await Promise.all(runners.map((runner) => runner.drain()));
  checkDone('events handled', latencies.length, (events * processors) / types);
  return latencies.toSorted((a, b) => a - b);
};
