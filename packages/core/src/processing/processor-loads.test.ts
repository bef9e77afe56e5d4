import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { memory } from '../backend/memory/memory.js';
import type { RecordedEvent } from '../messages/event.js';
import { priorities } from '../model/handler-policy.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import { appendNumbers, numberOf, rigRunner, until } from '../testing/runner-rig.test-support.js';

/** How a try of an event goes: at once or after some turns of the event loop, well or not. */
interface Try {
  readonly turns: number;
  readonly fails: boolean;
}

const load = fc.record({
  events: fc.array(
    fc.record({
      stream: fc.constantFrom('a', 'b', 'c', 'd'),
      priority: fc.constantFrom(...priorities),
      tries: fc.array(fc.record({ turns: fc.nat({ max: 4 }), fails: fc.boolean() }), { maxLength: 5 }),
    }),
    { minLength: 1, maxLength: 40 },
  ),
  concurrency: fc.integer({ min: 1, max: 5 }),
  batchSize: fc.integer({ min: 1, max: 12 }),
  readAhead: fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
  /** After how many turns what is done to the runner. */
  disturbances: fc.array(
    fc.record({
      after: fc.nat({ max: 6 }),
      operation: fc.constantFrom('stop' as const, 'drain' as const, 'pause' as const, 'crash' as const),
    }),
    { maxLength: 6 },
  ),
});

describe('A processor under random loads, priorities, failures and restarts', () => {
  it('keeps the order per key, loses nothing, and never checkpoints what was not handled', async () => {
    await fc.assert(
      fc.asyncProperty(load, async ({ events, concurrency, batchSize, readAhead, disturbances }) => {
        const backend = memory();
        for (const [number, { stream }] of events.entries()) await appendNumbers(backend, stream, [number]);
        const tries = new Map<number, number>();
        const finished = new Set<number>();
        const violations: string[] = [];

        // Each instance has its own order: after a restart, what was not checkpointed comes again.
        const deliveryOf = (isAlive: () => boolean): ProcessorDefinition['delivery'] => {
          const running = new Set<string>();
          const last = new Map<string, number>();
          const handle = async (event: RecordedEvent, { turns, fails }: Try): Promise<void> => {
            if (running.has(event.stream)) violations.push(`two of ${event.stream} at once`);
            running.add(event.stream);
            for (let turn = 0; turn < turns; turn += 1) await setImmediate();
            running.delete(event.stream);
            if (fails) throw new Error(`${numberOf(event)} fails`);
            if (isAlive()) finished.add(numberOf(event));
          };
          return {
            mode: 'each',
            concurrency,
            handle: (event) => {
              const number = numberOf(event);
              const before = last.get(event.stream);
              if (before !== undefined && number < before) violations.push(`${number} after ${before}`);
              last.set(event.stream, number);
              const count = tries.get(number) ?? 0;
              tries.set(number, count + 1);
              const attempt = events[number]?.tries[count] ?? { turns: 0, fails: false };
              if (attempt.turns > 0) return handle(event, attempt);
              if (attempt.fails) throw new Error(`${number} fails`);
              finished.add(number);
              return undefined;
            },
          };
        };

        const checkCheckpoint = async (): Promise<void> => {
          const position = Number((await backend.checkpoints.load('tested'))?.position ?? 0n);
          for (let number = 0; number < position; number += 1) {
            if (!finished.has(number)) violations.push(`checkpoint ${position} passed ${number}`);
          }
        };

        /** An instance that runs until it is disturbed, or finishes. */
        const live = async (disturbance?: (typeof disturbances)[number]): Promise<void> => {
          let alive = true;
          const { runner } = rigRunner(backend, {
            batchSize,
            readAhead,
            policy: { priority: (event) => events[numberOf(event)]?.priority ?? 'normal' },
            retry: { attempts: 3, initialDelayMs: 0, maxDelayMs: 0 },
            delivery: deliveryOf(() => alive),
          });
          await runner.start();
          if (disturbance === undefined) {
            await until(runner, ({ state, caughtUp }) => state === 'failed' || caughtUp);
            await runner.drain();
          } else {
            for (let turn = 0; turn < disturbance.after; turn += 1) await setImmediate();
            alive = disturbance.operation !== 'crash';
            await (disturbance.operation === 'crash' ? runner.stop() : runner[disturbance.operation]());
            await checkCheckpoint();
            await runner.stop();
          }
          await checkCheckpoint();
        };

        for (const disturbance of disturbances) await live(disturbance);
        // Every event fails at most five times, so that many restarts after failures are enough.
        const done = async (): Promise<boolean> =>
          (await backend.checkpoints.load('tested'))?.position === BigInt(events.length);
        for (let restart = 0; restart < events.length * 5 && !(await done()); restart += 1) await live();
        expect(violations).toEqual([]);
        expect(finished.size).toBe(events.length);
        expect(await done()).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('writes each event once, in log order, with delivery in transactions', async () => {
    await fc.assert(
      fc.asyncProperty(load, async ({ events, batchSize, disturbances }) => {
        const backend = memory();
        await backend.documents.ensure({ name: 'log', indexes: [] });
        for (const [number, { stream }] of events.entries()) await appendNumbers(backend, stream, [number]);
        const tries = new Map<number, number>();
        const live = async (disturbance?: (typeof disturbances)[number]): Promise<void> => {
          const { runner } = rigRunner(backend, {
            batchSize,
            retry: { attempts: 3, initialDelayMs: 0, maxDelayMs: 0 },
            delivery: {
              mode: 'transaction',
              handle: async (batch, tx) => {
                const log = (await tx.documents.load('log', ['log'])).get('log');
                const numbers: unknown[] = Array.isArray(log) ? log : [];
                await tx.documents.write('log', [
                  { key: 'log', document: [...numbers, ...batch.map(numberOf)] },
                ]);
                for (const number of batch.map(numberOf)) {
                  const count = tries.get(number) ?? 0;
                  tries.set(number, count + 1);
                  const attempt = events[number]?.tries[count];
                  for (let turn = 0; turn < (attempt?.turns ?? 0); turn += 1) await setImmediate();
                  if (attempt?.fails === true) throw new Error(`${number} fails`);
                }
              },
            },
          });
          await runner.start();
          if (disturbance === undefined)
            await until(runner, ({ state, caughtUp }) => state === 'failed' || caughtUp);
          else for (let turn = 0; turn < disturbance.after; turn += 1) await setImmediate();
          if (disturbance?.operation === 'pause') await runner.pause();
          await (disturbance === undefined || disturbance.operation === 'drain'
            ? runner.drain()
            : runner.stop());
        };
        for (const disturbance of disturbances) await live(disturbance);
        const done = async (): Promise<boolean> =>
          (await backend.checkpoints.load('tested'))?.position === BigInt(events.length);
        for (let restart = 0; restart < events.length * 5 && !(await done()); restart += 1) await live();
        expect((await backend.documents.load('log', ['log'])).get('log')).toEqual(
          events.map((_, number) => number),
        );
      }),
      { numRuns: 40, timeout: 30_000, interruptAfterTimeLimit: 25000 },
    );
  });
});
