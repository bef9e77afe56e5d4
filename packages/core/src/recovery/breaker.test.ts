import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../clock.js';
import { ConfigurationError } from '../error.js';
import { signalled } from '../testing/runner-rig.test-support.js';
import { Breaker } from './breaker.js';
import { BreakerOpenError } from './errors.js';
import { Guards } from './guards.js';

const away = async (): Promise<void> => {
  throw new Error('away');
};
const there = async (): Promise<void> => undefined;
const always = (): boolean => true;

/** Asks until the breaker lets it through. */
const probe = async (breaker: Breaker, work: () => Promise<void>): Promise<void> => {
  for (;;) {
    try {
      return await breaker.run(work, always);
    } catch (error) {
      if (!(error instanceof BreakerOpenError)) throw error;
      await new Promise((resolve) => void setTimeout(resolve, error.waitMs));
    }
  }
};

describe('Breaker', () => {
  it('opens after failures in a row, refuses, probes with one call at a time, and closes', async () => {
    const breaker = new Breaker('model', { failures: 2, probeAfterMs: 20, maxProbeAfterMs: 30 }, systemClock);
    const states: string[] = [];
    breaker.onChange(() => states.push(breaker.status.state));
    await expect(breaker.run(away, always)).rejects.toThrow('away');
    await breaker.run(there, always);
    await expect(breaker.run(away, always)).rejects.toThrow('away');
    expect(breaker.isClosed).toBe(true);
    await expect(breaker.run(away, always)).rejects.toThrow('away');
    expect(breaker.status).toMatchObject({ name: 'model', state: 'open', error: { message: 'away' } });
    const { since } = breaker.status;
    await expect(breaker.run(there, always)).rejects.toThrow(BreakerOpenError);
    await expect(probe(breaker, away)).rejects.toThrow('away');
    expect(breaker.status).toMatchObject({ state: 'open', since });
    const begun = signalled();
    const finish = signalled();
    const probing = probe(breaker, () => {
      begun.resolve();
      return finish.promise;
    });
    await begun.promise;
    expect(breaker.status.state).toBe('half-open');
    await expect(breaker.run(there, always)).rejects.toThrow(BreakerOpenError);
    finish.resolve();
    await probing;
    expect(breaker.status).toEqual({ name: 'model', state: 'closed', since: undefined, error: undefined });
    expect(states).toEqual(['open', 'half-open', 'open', 'half-open', 'closed']);
  });

  it('takes a failure that does not count for a sign that the other side is there', async () => {
    const breaker = new Breaker('b', { failures: 1, probeAfterMs: 1 }, systemClock);
    await expect(breaker.run(away, () => false)).rejects.toThrow('away');
    expect(breaker.isClosed).toBe(true);
    await expect(breaker.run(away, always)).rejects.toThrow('away');
    expect(breaker.isClosed).toBe(false);
    await new Promise((resolve) => void setTimeout(resolve, 5));
    await expect(breaker.run(away, () => false)).rejects.toThrow('away');
    expect(breaker.isClosed).toBe(true);
  });

  it.each([
    { failures: 0 },
    { probeAfterMs: 0 },
    { probeAfterMs: 10, maxProbeAfterMs: 5 },
    { failures: Number.NaN },
  ])('refuses %j', (options) => {
    expect(() => new Breaker('b', options, systemClock)).toThrow(ConfigurationError);
  });
});

describe('Guards', () => {
  it('shares what has a name, described at one place, whichever comes first', () => {
    const guards = new Guards(systemClock);
    const named = guards.breaker({ name: 'model' }, 'a');
    expect(guards.breaker({ name: 'model', failures: 3 }, 'b')).toBe(named);
    expect(guards.breaker({ name: 'model', failures: 3 }, 'c')).toBe(named);
    expect(guards.breaker({ name: 'model' }, 'd')).toBe(named);
    expect(named.options).toEqual({ name: 'model', failures: 3 });
    expect(() => guards.breaker({ name: 'model', failures: 4 }, 'e')).toThrow('described in two ways');
    expect(guards.breaker({}, 'f')).not.toBe(guards.breaker({}, 'g'));
    expect(guards.breakers().map(({ name }) => name)).toEqual(['model', 'f', 'g']);
    const bulkhead = guards.bulkhead({ name: 'pool', concurrency: 2 }, 'a');
    expect(guards.bulkhead({ name: 'pool', concurrency: 2 }, 'b')).toBe(bulkhead);
    expect(() => guards.bulkhead({ name: 'pool', concurrency: 3 }, 'c')).toThrow('two sizes');
    expect(() => guards.bulkhead({ concurrency: 0 }, 'd')).toThrow(ConfigurationError);
  });
});
