import { describe, expect, it } from '@jest/globals';
import { combineHealth } from './health.js';

describe('health of a whole', () => {
  it('is up when there is nothing to tell', () => {
    expect(combineHealth([])).toEqual({ status: 'up', reasons: [] });
  });

  it('is as bad as the worst part, with the reasons of all', () => {
    expect(
      combineHealth([
        { status: 'degraded', reasons: ['slow'] },
        { status: 'down', reasons: ['gone', 'broken'] },
        { status: 'up', reasons: [] },
        { status: 'degraded', reasons: ['late'] },
      ]),
    ).toEqual({ status: 'down', reasons: ['slow', 'gone', 'broken', 'late'] });
  });
});
