import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compareText, compareValues } from './value-order.js';

/** The order by code points, as slowly as it is defined. */
const byCodePoints = (a: string, b: string): number => {
  const left = Array.from(a, (character) => character.codePointAt(0) ?? 0);
  const right = Array.from(b, (character) => character.codePointAt(0) ?? 0);
  for (const [index, point] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    if (point !== other) return point - other;
  }
  return left.length - right.length;
};

const values = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 4 }),
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.boolean(),
  fc.constant(null),
);

describe('the order of indexed values', () => {
  it('is by code points for text', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', '\uFFFD', '\uE000', '😀', '😁', '𝒳'),
      maxLength: 4,
    });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareText(a, b))).toBe(Math.sign(byCodePoints(a, b)));
      }),
      { numRuns: 500 },
    );
  });

  it('is total: it is the same both ways round, and passes on', () => {
    fc.assert(
      fc.property(values, values, values, (a, b, c) => {
        expect(Math.sign(compareValues(a, b)) + Math.sign(compareValues(b, a))).toBe(0);
        const [low, middle, high] = [a, b, c].toSorted(compareValues);
        if (low !== undefined && middle !== undefined && high !== undefined) {
          expect(compareValues(low, middle)).toBeLessThanOrEqual(0);
          expect(compareValues(middle, high)).toBeLessThanOrEqual(0);
          expect(compareValues(low, high)).toBeLessThanOrEqual(0);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('puts null first, and keeps types together', () => {
    expect([true, 2, 'b', null, false, -1, 'a'].toSorted(compareValues)).toEqual([
      null,
      'a',
      'b',
      -1,
      2,
      false,
      true,
    ]);
  });
});
