import { describe, expect, it } from '@jest/globals';
import { ProgressMeter } from './progress.js';

describe('ProgressMeter', () => {
  it('tells rate and remaining time from what was done', () => {
    const meter = new ProgressMeter('board', 2, 1_000, 0n, 1_000n);
    expect(meter.at(2_000, 200n, 100)).toEqual({
      projection: 'board',
      generation: 2,
      handled: 100,
      position: 200n,
      head: 1_000n,
      fraction: 0.2,
      ratePerSecond: 100,
      etaMs: 4_000,
    });
  });

  it('forgets the speed of more than ten seconds ago', () => {
    const meter = new ProgressMeter('board', 2, 0, 0n, 100_000n);
    for (let second = 1; second <= 20; second += 1)
      meter.at(second * 1_000, BigInt(second * 1_000), second * 1_000);
    const later = meter.at(30_000, 20_100n, 20_100);
    expect(later.ratePerSecond).toBe(10);
    expect(later.etaMs).toBe(7_990_000);
  });

  it('does not know the remaining time before anything was done', () => {
    const meter = new ProgressMeter('board', 2, 0, 10n, 20n);
    expect(meter.at(0, 10n, 0)).toMatchObject({ ratePerSecond: 0, etaMs: undefined });
    expect(meter.at(60_000, 10n, 0)).toMatchObject({ ratePerSecond: 0, etaMs: undefined });
  });

  it('is done at the end, also of an empty log, and follows a log that grows', () => {
    expect(new ProgressMeter('board', 1, 0, 0n, 0n).at(5, 0n, 0)).toMatchObject({ fraction: 1, etaMs: 0 });
    expect(new ProgressMeter('board', 1, 0, 0n, 10n).at(5, 12n, 6)).toMatchObject({
      head: 12n,
      fraction: 1,
      etaMs: 0,
    });
  });
});
