import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Fifo } from './fifo.js';

it('gives back what an array would, through any sequence of pushes and shifts', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 1, max: 1_500 }), fc.constant(0)), { maxLength: 12 }),
      (runs) => {
        const queue = new Fifo<number>();
        const model: number[] = [];
        let next = 0;
        for (const run of runs) {
          for (let count = 0; count < run; count += 1) {
            queue.push(next);
            model.push(next);
            next += 1;
          }
          const taken: unknown[] = [];
          const expected: unknown[] = [];
          const shifts = run === 0 ? model.length : Math.floor(run / 2);
          for (let count = 0; count < shifts; count += 1) {
            taken.push([queue.peek(), queue.shift()]);
            expected.push([model[0], model.shift()]);
          }
          expect(taken).toEqual(expected);
          expect(queue.size).toBe(model.length);
        }
        while (model.length > 0) expect(queue.shift()).toBe(model.shift());
        expect(queue.shift()).toBeUndefined();
      },
    ),
    { numRuns: 15 },
  );
});

it('takes back what was taken, before all others', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('push', 'shift', 'unshift'), { maxLength: 200 }), (steps) => {
      const queue = new Fifo<number>();
      const model: number[] = [];
      for (const [number, step] of steps.entries()) {
        if (step === 'shift') expect(queue.shift()).toBe(model.shift());
        else {
          queue[step](number);
          model[step](number);
        }
        expect([queue.size, queue.peek(), queue.last()]).toEqual([model.length, model[0], model.at(-1)]);
      }
    }),
  );
});
