import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NestedCommandError } from './errors.js';
import { Turns } from './turns.js';

describe('turns', () => {
  it('come one after another for one stream, in the order asked for, whatever fails', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ stream: fc.constantFrom('a', 'b'), pauses: fc.nat(3), fails: fc.boolean() })),
        async (plan) => {
          const turns = new Turns();
          const busy = new Set<string>();
          const ended: Record<string, number[]> = { a: [], b: [] };
          const outcomes = await Promise.allSettled(
            plan.map(({ stream, pauses, fails }, index) =>
              turns.take(stream, async () => {
                expect(busy.has(stream)).toBe(false);
                busy.add(stream);
                for (let pause = 0; pause < pauses; pause += 1) await setImmediate();
                busy.delete(stream);
                ended[stream]?.push(index);
                if (fails) throw new Error('failed');
                return index;
              }),
            ),
          );
          for (const stream of ['a', 'b']) {
            const asked = plan.flatMap((turn, index) => (turn.stream === stream ? [index] : []));
            expect(ended[stream]).toEqual(asked);
          }
          expect(outcomes.map(({ status }) => status === 'rejected')).toEqual(plan.map(({ fails }) => fails));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('let other streams go on meanwhile', async () => {
    const turns = new Turns();
    let release = (): void => {};
    const held = turns.take('a', () => new Promise<void>((resolve) => (release = resolve)));
    await expect(turns.take('b', async () => 'done')).resolves.toBe('done');
    release();
    await held;
  });

  it('refuse a turn within a turn, which could wait for itself', async () => {
    const turns = new Turns();
    const nested = turns.take('a', () => turns.take('b', async () => 'never'));
    await expect(nested).rejects.toThrow(NestedCommandError);
    await expect(nested).rejects.toMatchObject({ stream: 'b', deciding: 'a' });
    await expect(turns.take('b', async () => 'free')).resolves.toBe('free');
  });

  it('allow what was begun within a turn to take its own once that is over', async () => {
    const turns = new Turns();
    let go = (): void => {};
    const over = new Promise<void>((resolve) => (go = resolve));
    let later: Promise<string> | undefined;
    await turns.take('a', async () => {
      later = over.then(() => turns.take('a', async () => 'afterwards'));
    });
    go();
    await expect(later).resolves.toBe('afterwards');
  });
});
