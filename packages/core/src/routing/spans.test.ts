import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Spans } from './spans.js';

describe('spans of the log', () => {
  it('hold from where they were switched on to where they were switched off', () => {
    const spans = new Spans();
    expect([spans.isEmpty, spans.isOpen, spans.has(1n)]).toEqual([true, false, false]);
    spans.open(undefined);
    spans.close(10n);
    spans.open(20n);
    expect([1n, 10n, 11n, 20n, 21n].map((position) => spans.has(position))).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
    expect([spans.isEmpty, spans.isOpen]).toEqual([false, true]);
    spans.close(undefined);
    expect(spans.isEmpty).toBe(true);
  });

  it('forget what lies behind', () => {
    const spans = new Spans();
    spans.open(undefined);
    spans.close(10n);
    spans.open(20n);
    spans.close(30n);
    spans.forget(10n);
    expect([5n, 25n].map((position) => spans.has(position))).toEqual([false, true]);
    spans.forget(30n);
    expect(spans.isEmpty).toBe(true);
  });

  it('agree with a switch asked at each position', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ gap: fc.nat(3), on: fc.boolean() }), { maxLength: 20 }),
        fc.integer({ min: 0, max: 60 }),
        (steps, forgetUpTo) => {
          const spans = new Spans();
          const expected: boolean[] = [];
          let on = false;
          for (const step of steps) {
            for (let count = 0; count < step.gap; count += 1) expected.push(on);
            on = step.on;
            if (on) spans.open(BigInt(expected.length));
            else spans.close(BigInt(expected.length));
          }
          expected.push(on);
          expect(spans.isOpen).toBe(on);
          spans.forget(BigInt(forgetUpTo));
          for (const [index, isOn] of expected.entries()) {
            // Positions count from 1; what was forgotten is nobody's.
            if (index + 1 > forgetUpTo) expect(spans.has(BigInt(index + 1))).toBe(isOn);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
