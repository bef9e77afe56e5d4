import { describe, expect, it } from '@jest/globals';
import type { IndexedValue } from '@tidemark/core';
import fc from 'fast-check';
import { endOfKind, sortKey, valueAt } from './sort-key.js';

const rank = (value: IndexedValue): number =>
  [null, 'string', 'number', 'boolean'].indexOf(value === null ? null : typeof value);

/** Code points one by one; a lone surrogate counts as itself. */
const points = (text: string): number[] => Array.from(text, (character) => character.codePointAt(0) ?? 0);

const compare = (a: IndexedValue, b: IndexedValue): number => {
  if (typeof a !== 'string' || typeof b !== 'string')
    return Math.sign(rank(a) - rank(b) || Number(a) - Number(b));
  const [left, right] = [points(a), points(b)];
  for (const [index, point] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    if (point !== other) return Math.sign(point - other);
  }
  return left.length === right.length ? 0 : -1;
};

const text = fc.string({
  unit: fc.constantFrom(
    '\0',
    '\u0001',
    '\u0002',
    'a',
    'b',
    '\ud7ff',
    '\ud800',
    '\udfff',
    '\ue000',
    '\ue001',
    '\uffff',
    '😀',
  ),
});
const value = fc.oneof(
  text,
  fc.string({ unit: 'binary' }),
  fc.double({ noNaN: true }),
  fc.boolean(),
  fc.constant(null),
);

describe('sort keys', () => {
  it('compare as bytes the way their values do', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(Math.sign(Buffer.compare(Buffer.from(sortKey(a)), Buffer.from(sortKey(b))))).toBe(
          compare(a, b),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it('can be held by PostgreSQL: well-formed and without NUL', () => {
    fc.assert(
      fc.property(text, (each) => {
        expect(sortKey(each)).not.toMatch(/\0|\p{Surrogate}/u);
      }),
    );
  });

  it('end before the next kind begins', () => {
    fc.assert(
      fc.property(
        value.filter((each) => each !== null),
        (each) => {
          expect(sortKey(each) < endOfKind(sortKey(each))).toBe(true);
        },
      ),
    );
    expect(endOfKind(sortKey('z')) <= sortKey(Number.NEGATIVE_INFINITY)).toBe(true);
    expect(endOfKind(sortKey(Number.POSITIVE_INFINITY)) <= sortKey(false)).toBe(true);
  });
});

describe('values at paths', () => {
  it('are own properties only, and scalars only', () => {
    const document = { a: { b: [1, 2], c: 0, d: null }, e: '' };
    expect(
      ['a.c', 'e', 'a.d', 'a', 'a.b', 'a.b.length', 'a.x.y', 'toString', 'a.b.1'].map((path) =>
        valueAt(document, path),
      ),
    ).toEqual([0, '', null, null, null, 2, null, null, 2]);
  });
});
