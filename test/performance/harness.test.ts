import { describe, expect, it } from '@jest/globals';
import { type Case, checkDone, measure, median, rate } from './harness.js';

/** A case whose sides give these rates, one a round, and note when they are run. */
const scripted = (rates: { readonly ours: readonly number[]; readonly bare: readonly number[] }) => {
  const order: string[] = [];
  const left = { ours: [...rates.ours], bare: [...rates.bare] };
  const side = (name: 'ours' | 'bare') => async (): Promise<number> => {
    order.push(name);
    const next = left[name].shift();
    if (next === undefined) throw new Error(`more rounds of ${name} than rates`);
    return next;
  };
  const subject: Case = { name: 'a case', unit: 'events', ours: side('ours'), bare: side('bare') };
  return { subject, order };
};

describe('median', () => {
  it('is the value in the middle, whatever the order', () => {
    expect(median([9, 1, 5])).toBe(5);
  });

  it('is the mean of the two in the middle of an even number', () => {
    expect(median([10, 1, 4, 2])).toBe(3);
  });

  it('of one value is that value, and of none no number', () => {
    expect(median([7])).toBe(7);
    expect(median([])).toBeNaN();
  });
});

describe('measure', () => {
  it('takes the ratio within each round, and of these the median, the least and the greatest', async () => {
    // The machine gets ten times slower on the way; the ratios stay what they are.
    const { subject } = scripted({ ours: [800, 90, 50], bare: [1_000, 100, 100] });
    const row = await measure(subject, { rounds: 3, warmUp: 0 });
    expect(row).toEqual({ case: 'a case, events/s', ours: 90, bare: 100, ratio: 0.8, min: 0.5, max: 0.9 });
  });

  it('of times and sizes takes how many times less ours is, with digits', async () => {
    const { subject } = scripted({ ours: [1.25, 2.5], bare: [2.5, 2.5] });
    const row = await measure({ ...subject, unit: 'ms', better: 'less' }, { rounds: 2, warmUp: 0 });
    expect(row).toEqual({ case: 'a case, ms', ours: 1.88, bare: 2.5, ratio: 1.5, min: 1, max: 2 });
  });

  it('lets both sides take turns, and another one begin in each round', async () => {
    const { subject, order } = scripted({ ours: [1, 1, 1, 1], bare: [1, 1, 1, 1] });
    await measure(subject, { rounds: 4, warmUp: 0 });
    expect(order).toEqual(['bare', 'ours', 'ours', 'bare', 'bare', 'ours', 'ours', 'bare']);
  });

  it('runs both sides to warm up, and does not count that', async () => {
    const { subject, order } = scripted({ ours: [1, 1, 30], bare: [500, 500, 10] });
    const row = await measure(subject, { rounds: 1 });
    expect(order).toHaveLength(6);
    expect(row).toMatchObject({ ours: 30, bare: 10, ratio: 3, min: 3, max: 3 });
  });

  it('ends with the error of a side that did not do its work', async () => {
    const { subject } = scripted({ ours: [1], bare: [1] });
    const measuring = measure(subject, { rounds: 2, warmUp: 0 });
    await expect(measuring).rejects.toThrow('more rounds of ours than rates');
  });

  it('tells of each round before it begins', async () => {
    const { subject, order } = scripted({ ours: [1, 1], bare: [1, 1] });
    const told: unknown[] = [];
    await measure(subject, {
      rounds: 1,
      warmUp: 1,
      onRound: (name, round) => void told.push([name, round, order.length]),
    });
    expect(told).toEqual([
      ['a case', 0, 0],
      ['a case', 1, 2],
    ]);
  });
});

describe('rate', () => {
  it('divides by the time that the work took', async () => {
    const begin = performance.now();
    const speed = await rate(1_000, () => new Promise((resolve) => setImmediate(resolve)));
    const longest = performance.now() - begin;
    expect(speed).toBeGreaterThanOrEqual(1_000_000 / longest);
    expect(speed).toBeLessThan(Number.POSITIVE_INFINITY);
  });

  it('fails with the work', async () => {
    await expect(rate(1, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  });
});

describe('checkDone', () => {
  it('lets pass what was done wholly', () => {
    expect(() => checkDone('events written', 5, 5)).not.toThrow();
    expect(() => checkDone('checkpoint stored', 5n, 5n)).not.toThrow();
  });

  it('voids a measurement of less, or of more', () => {
    expect(() => checkDone('events written', 4, 5)).toThrow('events written: 4 instead of 5');
    expect(() => checkDone('events written', 6, 5)).toThrow('void');
  });
});
