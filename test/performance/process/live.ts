import type { Backend } from '@tidemark/core';
import type { BareEvent, BareSqlLog } from '../bare/sql-log.js';
import { checkDone, rate } from '../harness.js';
import { newRunner } from '../no-op-processor.js';
import { sampleEvent } from '../sample-events.js';
import { newName } from './consumer.js';

/** Appends one event after another, each when the one before has come to a handler that follows the log. */
export const followOurs = async (backend: Backend, events: number): Promise<number> => {
  const stream = newName();
  let arrived = (): void => {};
  let handled = 0;
  const runner = newRunner(
    backend,
    {
      mode: 'each',
      handle: (event) => {
        if (event.stream !== stream) return;
        handled += 1;
        arrived();
      },
    },
    { startFrom: 'end' },
  );
  await runner.start();
  const event = [sampleEvent(1)];
  const speed = await rate(events, async () => {
    for (let version = 0; version < events; version += 1) {
      const arrival = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      await backend.events.append(stream, event, { expectedVersion: version - 1 });
      await arrival;
    }
  });
  await runner.drain();
  checkDone('events handled live', handled, events);
  return speed;
};

/** The same by hand: an insert, then whoever follows reads what is behind the last position. */
export const followBare = async (log: BareSqlLog, events: number): Promise<number> => {
  const stream = newName();
  let handled = 0;
  const handle = (event: BareEvent): void => {
    if (event.stream === stream) handled += 1;
  };
  let after = String(await log.appendOne(`${stream}-first`, 0, sampleEvent(1)));
  const event = sampleEvent(1);
  const speed = await rate(events, async () => {
    for (let version = 0; version < events; version += 1) {
      await log.appendOne(stream, version, event);
      const page = await log.page(after);
      for (const found of page) handle(found);
      after = page.at(-1)?.position ?? after;
    }
  });
  checkDone('events handled live', handled, events);
  return speed;
};
