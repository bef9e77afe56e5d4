import { describe, expect, it } from '@jest/globals';
import { definedAt, placeIn } from './defined-at.js';

const asked = (): string => definedAt(asked);

describe('definedAt', () => {
  it('names the caller, and leaves the limit of stack traces as it was', () => {
    const limit = Error.stackTraceLimit;
    expect(asked()).toMatch(/^packages\/core\/src\/model\/defined-at\.test\.ts:\d+:\d+$/);
    expect(Error.stackTraceLimit).toBe(limit);
  });

  it('reads frames with and without a function, as paths and as URLs', () => {
    expect(placeIn('Error\n    at file:///x/a%20b.ts:1:2')).toBe('/x/a b.ts:1:2');
    expect(placeIn('Error\n    at Object.f (/x/y.ts:3:4)')).toBe('/x/y.ts:3:4');
    expect(placeIn('Error\n    at async Promise.all (index 0)')).toBe('an unknown place');
    expect(placeIn([])).toBe('an unknown place');
  });
});
