import { describe, expect, it } from '@jest/globals';
import { InvalidArgumentError } from './log/errors.js';
import fc from 'fast-check';
import { milliseconds, type Duration } from './duration.js';

describe('milliseconds', () => {
  it('reads each unit', () => {
    const durations: readonly Duration[] = [5, '250ms', '30s', '5m', '2h', '3d', '1.5s'];
    expect(durations.map((duration) => milliseconds(duration, 'a test'))).toEqual([
      5, 250, 30_000, 300_000, 7_200_000, 259_200_000, 1_500,
    ]);
  });

  it('gives numbers back as they are', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        (value) => milliseconds(`${value}ms`, 'a test') === milliseconds(value, 'a test'),
      ),
    );
  });

  it('refuses everything else, naming the place', () => {
    const wrong: readonly unknown[] = [
      '',
      '5',
      's',
      '-1s',
      '1 s',
      '1e3s',
      '1w',
      -1,
      Number.NaN,
      Number.POSITIVE_INFINITY,
    ];
    for (const duration of wrong) {
      expect(() => milliseconds(duration as Duration, 'step "x": deadline')).toThrow(InvalidArgumentError);
      expect(() => milliseconds(duration as Duration, 'step "x": deadline')).toThrow(
        'step "x": deadline is not a duration',
      );
    }
  });
});
