import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { memory } from '../backend/memory/memory.js';
import {
  appendNumbers,
  backendWith,
  checkpointsWith,
  numberOf,
  rigRunner,
  signalled,
} from '../testing/runner-rig.test-support.js';

type Operation = 'start' | 'resume' | 'pause' | 'drain' | 'stop';

/** Where a runner rests after an operation from a state of rest, as the table in its description says. */
const expectedRest = (state: string, operation: Operation): string => {
  if (operation === 'start' || operation === 'resume') return 'running';
  if (operation === 'pause') return state === 'running' ? 'paused' : state;
  return 'stopped';
};

const operations = fc.constantFrom<Operation>('start', 'resume', 'pause', 'drain', 'stop');

describe.each(['each', 'transaction'] as const)('Operations on a processor with delivery %s', (mode) => {
  it('lead from each state to the one in the table; called at the same time, the last one wins', async () => {
    const step = fc.record({ operation: operations, waits: fc.boolean(), turns: fc.nat({ max: 3 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const backend = memory();
        const seen: number[] = [];
        const isOpen = new Set<symbol>();
        const handle = async (numbers: readonly number[]): Promise<void> => {
          const call = Symbol('call');
          isOpen.add(call);
          await setImmediate();
          seen.push(...numbers);
          isOpen.delete(call);
        };
        const { runner, warnings } = rigRunner(backend, {
          batchSize: 3,
          delivery:
            mode === 'each'
              ? { mode, handle: (event) => handle([numberOf(event)]) }
              : { mode, handle: (events) => handle(events.map(numberOf)) },
        });
        let rest = 'stopped';
        let total = 0;
        const pending: Promise<void>[] = [];
        for (const { operation, waits, turns } of steps) {
          total += 2;
          await appendNumbers(backend, `s${total % 3}`, [total - 1, total]);
          pending.push(runner[operation]());
          rest = expectedRest(rest, operation);
          if (waits) {
            await Promise.all(pending.splice(0));
            expect(runner.status().state).toBe(rest);
            if (rest === 'stopped' || rest === 'paused') expect(isOpen.size).toBe(0);
          }
          for (let turn = 0; turn < turns; turn += 1) await setImmediate();
        }
        await Promise.all(pending);
        expect(runner.status().state).toBe(rest);
        await runner.start();
        await runner.waitFor(BigInt(total));
        await runner.drain();
        expect(new Set(seen)).toEqual(new Set(Array.from({ length: total }, (_, index) => index + 1)));
        expect(runner.status()).toMatchObject({ state: 'stopped', checkpoint: BigInt(total) });
        expect(warnings).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('keeps to the last call while its checkpoint is still being loaded', async () => {
    const inner = memory();
    const { checkpoints } = inner;
    for (const [calls, rest] of [
      [['start', 'stop'], 'stopped'],
      [['start', 'stop', 'start'], 'running'],
      [['start', 'pause'], 'paused'],
      [['start', 'pause', 'resume'], 'running'],
      [['start', 'drain', 'start', 'pause'], 'paused'],
      [['start', 'drain', 'start', 'stop'], 'stopped'],
    ] as const) {
      const loading = signalled();
      const backend = backendWith(
        {
          checkpoints: checkpointsWith(checkpoints, {
            load: async (name) => {
              await loading.promise;
              return checkpoints.load(name);
            },
          }),
        },
        inner,
      );
      const { runner } = rigRunner(backend, {
        delivery: mode === 'each' ? { mode, handle: () => {} } : { mode, handle: async () => {} },
      });
      const done = calls.map((call) => runner[call]());
      loading.resolve();
      await Promise.all(done);
      expect([calls, runner.status().state]).toEqual([calls, rest]);
      await runner.stop();
    }
  });
});
