import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AdaptiveSize } from './adaptive-size.js';

const measure = (size: number, tookMs: number, wasFull = true, failed = false) => ({
  size,
  tookMs,
  wasFull,
  failed,
});

/** Runs full batches against something that takes so long for so many, and gives the sizes. */
const sizesOf = (
  adaptive: AdaptiveSize,
  batches: number,
  tookMs: (size: number) => number,
): readonly number[] =>
  Array.from({ length: batches }, () => {
    const size = adaptive.current;
    adaptive.record(measure(size, tookMs(size)));
    return size;
  });

describe('AdaptiveSize', () => {
  it('doubles at first, then swings about the size that takes as long as wanted', () => {
    const adaptive = new AdaptiveSize({ min: 1, max: 1_000, targetMs: 50 });
    const sizes = sizesOf(adaptive, 100, (size) => 5 + size / 10);
    expect(sizes.slice(0, 6)).toEqual([16, 32, 64, 128, 256, 512]);
    // 450 events take 50 ms.
    for (const size of sizes.slice(10)) {
      expect(size).toBeGreaterThanOrEqual(450 * 0.7 - 1);
      expect(size).toBeLessThanOrEqual(450 + 1_000 / 32);
    }
  });

  it('follows when what it calls becomes slower, and quicker again', () => {
    const adaptive = new AdaptiveSize({ min: 1, max: 1_000, targetMs: 50 });
    sizesOf(adaptive, 50, (size) => 5 + size / 10);
    const slow = sizesOf(adaptive, 50, (size) => 5 + size);
    expect(Math.max(...slow.slice(-20))).toBeLessThanOrEqual(45 + 1_000 / 32);
    const quick = sizesOf(adaptive, 50, (size) => 5 + size / 10);
    expect(Math.max(...quick)).toBeGreaterThan(450);
  });

  it('does not grow without a backlog, which tells nothing of larger batches', () => {
    const adaptive = new AdaptiveSize({ min: 1, max: 1_000, targetMs: 50 });
    for (let batch = 0; batch < 20; batch += 1) adaptive.record(measure(3, 1, false));
    expect(adaptive.current).toBe(16);
  });

  it('shrinks from a batch that failed, or was small and slow', () => {
    const adaptive = new AdaptiveSize({ min: 2, max: 100, targetMs: 50 });
    adaptive.record(measure(16, 1, true, true));
    expect(adaptive.current).toBe(11);
    adaptive.record(measure(4, 80, false));
    expect(adaptive.current).toBe(2);
  });

  it('stays between its bounds, whatever happens', () => {
    const bounds = fc
      .tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 500 }))
      .map(([a, b]) => ({ min: Math.min(a, b), max: Math.max(a, b) }));
    const batches = fc.array(
      fc.record({
        part: fc.double({ min: 0, max: 1, noNaN: true }),
        tookMs: fc.double({ min: 0, max: 200, noNaN: true }),
        failed: fc.boolean(),
      }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(bounds, batches, ({ min, max }, outcomes) => {
        const adaptive = new AdaptiveSize({ min, max, targetMs: 50 });
        for (const { part, tookMs, failed } of outcomes) {
          expect(Number.isInteger(adaptive.current)).toBe(true);
          expect(adaptive.current).toBeGreaterThanOrEqual(min);
          expect(adaptive.current).toBeLessThanOrEqual(max);
          const size = Math.max(1, Math.round(adaptive.current * part));
          adaptive.record(measure(size, tookMs, size === adaptive.current, failed));
        }
      }),
    );
  });
});
