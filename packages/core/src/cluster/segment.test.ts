import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { InvalidArgumentError } from '../log/errors.js';
import { keyHash } from './key-hash.js';
import { divide, holdsHash, isWhole, merged, segmentName, sibling, split, undivided } from './segment.js';

describe('keyHash', () => {
  it.each([
    ['', 0xe3b0c442],
    ['abc', 0xba7816bf],
    ['bücher-1', 0xbb768431],
  ])('of %j is and stays %d', (key, expected) => {
    expect(keyHash(key)).toBe(expected);
  });

  it('spreads keys that differ little', () => {
    const counts = Array.from({ length: 16 }, () => 0);
    for (let n = 0; n < 16_000; n++) {
      const place = keyHash(`order-${n * 2}`) & 15;
      counts[place] = (counts[place] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1_150);
  });
});

describe('segments', () => {
  it('are split and merged without losing or doubling a key', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.nat(), merge: fc.boolean() }), { maxLength: 60 }),
        fc.array(fc.string(), { minLength: 1, maxLength: 20 }),
        (changes, keys) => {
          let segments = [undivided];
          for (const { at, merge } of changes) {
            const chosen = segments[at % segments.length] ?? undivided;
            const other = sibling(chosen);
            const both = merged(chosen);
            const isThere = segments.some(
              (one) => other !== undefined && segmentName(one) === segmentName(other),
            );
            if (!merge && chosen.mask < 0xffff) {
              segments = [...segments.filter((one) => one !== chosen), ...split(chosen)];
            } else if (merge && both !== undefined && other !== undefined && isThere) {
              const gone = new Set([segmentName(chosen), segmentName(other)]);
              segments = [...segments.filter((one) => !gone.has(segmentName(one))), both];
            }
            expect(isWhole(segments)).toBe(true);
            for (const key of keys) {
              expect(segments.filter((segment) => holdsHash(segment, keyHash(key)))).toHaveLength(1);
            }
          }
        },
      ),
    );
  });

  it('are equal parts when divided', () => {
    expect(divide(4)).toEqual([0, 1, 2, 3].map((id) => ({ id, mask: 3 })));
    expect(isWhole(divide(1_024))).toBe(true);
    expect(divide(1)).toEqual([undivided]);
    expect(split({ id: 1, mask: 1 })).toEqual([
      { id: 1, mask: 3 },
      { id: 3, mask: 3 },
    ]);
  });

  it('know when they are not whole', () => {
    expect(isWhole([])).toBe(false);
    expect(isWhole(divide(4).slice(1))).toBe(false);
    expect(isWhole([...divide(2), ...divide(4).slice(0, 1)])).toBe(false);
    // As large as the whole, but one part twice.
    expect(
      isWhole([
        { id: 0, mask: 1 },
        { id: 0, mask: 3 },
        { id: 2, mask: 3 },
      ]),
    ).toBe(false);
  });

  it('end somewhere', () => {
    expect(merged(undivided)).toBeUndefined();
    expect(sibling(undivided)).toBeUndefined();
    expect(() => split({ id: 0, mask: 0xffff })).toThrow(InvalidArgumentError);
    for (const count of [0, 3, 1.5, -4, 131_072, Number.NaN])
      expect(() => divide(count)).toThrow('must be a power of two');
  });
});
