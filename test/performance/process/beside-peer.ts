import type { Backend } from '@tidemark/core';
import { checkDone, type Group, rate } from '../harness.js';
import { catchUp, counting, newRunner } from '../no-op-processor.js';
import { emmett } from '../peers/peers.js';
import { sampleEvents } from '../sample-events.js';
import { onPostgres } from '../stores.js';
import { newName, pageSize } from './consumer.js';

/** Callers who append at the same time while someone follows. */
const writers = 20;

const writeFrom = async (
  appendsEach: number,
  append: (stream: string) => Promise<unknown>,
): Promise<void> => {
  const name = newName();
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let n = 0; n < appendsEach; n += 1) await append(`${name}-${writer}-${n}`);
    }),
  );
};

/** Follows from the beginning while others write, and says how many percent of the events came. */
const deliveredOurs = async (backend: Backend, appendsEach: number): Promise<number> => {
  let handled = 0;
  const before = await backend.events.head();
  const runner = newRunner(
    backend,
    counting('synchronous', () => {
      handled += 1;
    }),
    { startFrom: 'end' },
  );
  await runner.start();
  await runner.waitFor(before);
  await writeFrom(appendsEach, (stream) => backend.events.append(stream, sampleEvents(1)));
  await runner.waitFor(await backend.events.head(), { timeoutMs: 60_000 });
  await runner.drain();
  return (100 * handled) / (writers * appendsEach);
};

/** Catching up beside Emmett, and how much of what many write at once each of the two delivers. */
export const processingBesideEmmett = (scale: number): Group => {
  const events = 4_000 * scale;
  const appendsEach = 50 * scale;
  return {
    needs: onPostgres.needs,
    cases: [
      { name: `PostgreSQL, catch-up with ${events}, no-op handler, against Emmett`, unit: 'events' },
      {
        name: `PostgreSQL, delivered of what ${writers} write meanwhile, against Emmett`,
        unit: '%',
        better: 'more',
      },
    ],
    ours: async () => {
      const backend = await onPostgres.ours();
      const written = await onPostgres.ours();
      await written.events.append('all', sampleEvents(events));
      return {
        runs: [
          async () => {
            let handled = 0;
            const runner = newRunner(
              written,
              counting('synchronous', () => {
                handled += 1;
              }),
              { batchSize: pageSize },
            );
            const speed = await rate(events, () => catchUp(runner, BigInt(events)));
            checkDone('events handled', handled, events);
            return speed;
          },
          () => deliveredOurs(backend, appendsEach),
        ],
        async close() {
          await backend.close();
          await written.close();
        },
      };
    },
    bare: async () => {
      const settled = await emmett.open();
      await settled.append('all', events);
      return {
        runs: [
          async () => {
            let handled = 0;
            const speed = await rate(events, async () => {
              handled = (await settled.follow?.(events, async () => undefined)) ?? 0;
            });
            checkDone('events handled', handled, events);
            return speed;
          },
          async () => {
            const log = await emmett.open();
            const handled = await log.follow?.(writers * appendsEach, () =>
              writeFrom(appendsEach, (stream) => log.append(stream, 1)),
            );
            await log.close();
            return (100 * (handled ?? 0)) / (writers * appendsEach);
          },
        ],
        close: () => settled.close(),
      };
    },
  };
};
