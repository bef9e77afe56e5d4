import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ConfigurationError } from '../error.js';
import { StoreUnavailableError } from '../log/errors.js';
import { onError, rateLimited } from '../model/error-rules.js';
import { ValidationError } from '../schema/errors.js';
import type { RecordedEvent } from '../messages/event.js';
import { ErrorRuleError } from './errors.js';
import { HandlerRecovery, noTries, type Verdict } from './handler-recovery.js';

class TooMany extends Error {
  constructor(readonly retryAfterMs?: number) {
    super('too many');
  }
}
class Refused extends Error {}

const event: RecordedEvent = {
  id: 'e1',
  stream: 's',
  version: 0,
  position: 1n,
  type: 'x',
  schemaVersion: 1,
  data: {},
  metadata: {},
  recordedAt: new Date(0),
};
const quick = { attempts: 3, initialDelayMs: 0, maxDelayMs: 0 };
const judgeAll = (recovery: HandlerRecovery, errors: readonly Error[]): readonly Verdict['kind'][] => {
  const tries = noTries();
  return errors.map((error) => recovery.judge(error, event, tries).kind);
};

describe('HandlerRecovery', () => {
  it('gives transient errors all tries, permanent ones one, and poison one whatever is said', () => {
    const recovery = new HandlerRecovery({ errors: [onError(Refused, 'permanent')] }, quick, 'it');
    const other = new Error('net');
    expect(judgeAll(recovery, [other, other, other])).toEqual(['retry', 'retry', 'give-up']);
    expect(judgeAll(recovery, [new Refused()])).toEqual(['give-up']);
    expect(judgeAll(recovery, [new ValidationError('x', [])])).toEqual(['give-up']);
    const patient = new HandlerRecovery(
      { errors: [onError(Refused, 'permanent')], retryBy: { permanent: { attempts: 2 } } },
      quick,
      'it',
    );
    expect(judgeAll(patient, [new Refused(), new Refused()])).toEqual(['retry', 'give-up']);
  });

  it('counts the tries of each class by itself', () => {
    const recovery = new HandlerRecovery({ errors: [onError(TooMany, rateLimited(1))] }, quick, 'it');
    const limited = Array.from({ length: 10 }, () => new TooMany());
    expect(judgeAll(recovery, [...limited, new Error('a'), new Error('b')])).not.toContain('give-up');
    expect(
      judgeAll(
        recovery,
        Array.from({ length: 20 }, () => new TooMany()),
      ).at(-1),
    ).toBe('give-up');
  });

  it('waits as long as it was told, and a little more', () => {
    const recovery = new HandlerRecovery(
      { errors: [onError(TooMany, ({ retryAfterMs }) => rateLimited(retryAfterMs))] },
      quick,
      'it',
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (ms) => {
        const verdict = recovery.judge(new TooMany(ms), event, noTries());
        expect(verdict.kind).toBe('retry');
        if (verdict.kind !== 'retry') return;
        expect(verdict.afterMs).toBeGreaterThanOrEqual(ms);
        expect(verdict.afterMs).toBeLessThanOrEqual(ms * 1.1);
      }),
    );
  });

  it('never counts an outage, nor a transient failure that is excused', () => {
    const recovery = new HandlerRecovery({}, quick, 'it');
    const tries = noTries();
    for (let i = 0; i < 50; i += 1) {
      expect(recovery.judge(new StoreUnavailableError('away'), event, tries).kind).toBe('outage');
      expect(recovery.judge(new Error('net'), event, tries, true).kind).toBe('retry');
    }
  });

  it('asks the rules in order, and takes the first that knows', () => {
    const recovery = new HandlerRecovery(
      {
        errors: [
          onError(Error, (error) => (error.message === 'a' ? 'poison' : undefined)),
          onError(Refused, 'permanent'),
          onError(Error, 'transient'),
        ],
      },
      quick,
      'it',
    );
    expect(recovery.kindOf(new Refused('a'), event)).toBe('poison');
    expect(recovery.kindOf(new Refused('b'), event)).toBe('permanent');
    expect(recovery.kindOf(new ValidationError('x', []), event)).toBe('transient');
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('bug');
      },
    ],
    ['gives nonsense', () => 'sometimes' as 'poison'],
    ['gives a wait that is none', () => rateLimited(Number.NaN)],
  ])('gives up where a rule %s, and says so', (_, rule) => {
    const recovery = new HandlerRecovery({ errors: [onError(Error, rule)] }, quick, 'it');
    const failed = new Error('first');
    const verdict = recovery.judge(failed, event, noTries());
    expect(verdict).toMatchObject({ kind: 'give-up', error: { code: 'error-rule', failed } });
    expect(verdict.kind === 'give-up' && verdict.error).toBeInstanceOf(ErrorRuleError);
  });

  it('refuses what makes no sense', () => {
    expect(() => onError(Date as never, 'poison')).toThrow(ConfigurationError);
    expect(() => new HandlerRecovery({ onFailure: 'shrug' as 'skip' }, quick, 'it')).toThrow(
      'one of stop, park, skip, compensate',
    );
    expect(() => new HandlerRecovery({ retryBy: { permanent: { attempts: 0 } } }, quick, 'it')).toThrow(
      ConfigurationError,
    );
  });
});
