import type { Backend } from '@tidemark/core';
import type { MapLog } from '../bare/map-log.js';
import type { BareEvent, BareSqlLog } from '../bare/sql-log.js';
import { checkDone, rate } from '../harness.js';
import { catchUp, counting, newRunner } from '../no-op-processor.js';
import { newName, pageSize } from './consumer.js';

/** Handles the whole log event by event, and checks that the checkpoint in the store says so. */
export const catchUpOurs = async (backend: Backend, events: number): Promise<number> => {
  let handled = 0;
  const runner = newRunner(
    backend,
    counting('synchronous', () => {
      handled += 1;
    }),
    { batchSize: pageSize },
  );
  const speed = await rate(events, () => catchUp(runner, BigInt(events)));
  checkDone('events handled', handled, events);
  await checkCheckpoint(backend, runner.definition.name, events);
  return speed;
};

/** The same, a batch in one transaction with its checkpoint. */
export const catchUpInTransactions = async (backend: Backend, events: number): Promise<number> => {
  let handled = 0;
  const runner = newRunner(
    backend,
    {
      mode: 'transaction',
      handle: async (batch) => {
        handled += batch.length;
      },
    },
    { batchSize: pageSize },
  );
  const speed = await rate(events, () => catchUp(runner, BigInt(events)));
  checkDone('events handled', handled, events);
  await checkCheckpoint(backend, runner.definition.name, events);
  return speed;
};

const checkCheckpoint = async ({ checkpoints }: Backend, name: string, events: number): Promise<void> => {
  checkDone('checkpoint stored', (await checkpoints.load(name))?.position ?? 0n, BigInt(events));
};

/** Calls a handler for each event, a page at a time, and stores a checkpoint after each page. */
export const catchUpBare = async (log: BareSqlLog, events: number): Promise<number> => {
  const name = newName();
  let handled = 0;
  const handle = (event: BareEvent): void => {
    if (event.version >= 0) handled += 1;
  };
  const speed = await rate(events, async () => {
    let after = '0';
    for (;;) {
      const page = await log.page(after);
      for (const event of page) handle(event);
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.position;
      await log.moveCheckpoint(name, after);
      if (page.length < pageSize) return;
    }
  });
  checkDone('events handled', handled, events);
  checkDone('checkpoint stored', await log.checkpoint(name), BigInt(events));
  return speed;
};

/** The same on a log in memory, where a checkpoint is a variable. */
export const catchUpOnMap = async (log: MapLog): Promise<number> => {
  let handled = 0;
  let checkpoint = 0;
  const speed = await rate(log.size, async () => {
    while (checkpoint < log.size) {
      const page = await log.page(checkpoint, pageSize);
      for (const event of page) if (event.version >= 0) handled += 1;
      checkpoint += page.length;
    }
  });
  checkDone('events handled', handled, log.size);
  return speed;
};
