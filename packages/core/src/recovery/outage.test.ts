import { describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from '../log/errors.js';
import { isOutage } from './outage.js';

describe('isOutage', () => {
  it('knows an outage, however it is wrapped', () => {
    const outage = new StoreUnavailableError('away');
    expect(isOutage(outage)).toBe(true);
    expect(isOutage(new Error('step failed', { cause: new Error('write failed', { cause: outage }) }))).toBe(
      true,
    );
  });

  it('takes nothing else for one, and ends at a chain that does not', () => {
    const cyclic = new Error('round');
    cyclic.cause = cyclic;
    for (const thrown of [cyclic, new Error('no'), new Error('no', { cause: 'away' }), 'away', undefined])
      expect(isOutage(thrown)).toBe(false);
  });
});
