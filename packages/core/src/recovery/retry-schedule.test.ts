import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ConfigurationError } from '../error.js';
import { RetrySchedule } from './retry-schedule.js';

describe('RetrySchedule', () => {
  it('tries five times unless told otherwise', () => {
    expect(new RetrySchedule().attempts).toBe(5);
    expect(new RetrySchedule({ attempts: 2 }).attempts).toBe(2);
  });

  it('waits at most the doubled delay, never more than the maximum, however often', () => {
    fc.assert(
      fc.property(fc.nat({ max: 5_000 }), fc.nat({ max: 60_000 }), (initialDelayMs, maxDelayMs) => {
        const waits = new RetrySchedule({ initialDelayMs, maxDelayMs }).waits();
        for (let retry = 0; retry < 1_100; retry += 1) {
          const wait = waits.next();
          expect(wait).toBeGreaterThanOrEqual(0);
          expect(wait).toBeLessThanOrEqual(Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(retry, 64)));
        }
      }),
      { numRuns: 20 },
    );
  });

  it('spreads the waits, so that what failed together is not tried again together', () => {
    const schedule = new RetrySchedule({ initialDelayMs: 10_000, maxDelayMs: 10_000 });
    const waits = Array.from({ length: 100 }, () => schedule.waits().next());
    expect(new Set(waits).size).toBeGreaterThan(50);
    expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(3_000);
  });

  it.each([
    { attempts: 0 },
    { attempts: 1.5 },
    { attempts: Number.NaN },
    { initialDelayMs: -1 },
    { maxDelayMs: Number.POSITIVE_INFINITY },
  ])('refuses %j', (policy) => {
    expect(() => new RetrySchedule(policy)).toThrow(ConfigurationError);
  });
});
