import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { describeError, NonErrorThrownError, toError } from './thrown.js';

describe('toError', () => {
  it('leaves errors as they are, those of another realm too', () => {
    const error = new RangeError('no');
    expect(toError(error)).toBe(error);
    const foreign: unknown = runInNewContext('new Error("elsewhere")');
    expect(toError(foreign)).toBe(foreign);
  });

  it.each([
    [undefined, 'The value undefined was thrown'],
    [null, 'The value null was thrown'],
    [42, 'The value 42 was thrown'],
    ['no', 'The string "no" was thrown'],
    [{ a: 1 }, 'A value of type object was thrown'],
    [Symbol('s'), 'A value of type symbol was thrown'],
    [Object.create(null), 'A value of type object was thrown'],
  ])('wraps %p', (thrown, message) => {
    const error = toError(thrown);
    expect(error).toBeInstanceOf(NonErrorThrownError);
    expect(error).toMatchObject({ code: 'non-error-thrown', thrown });
    expect(error.message).toContain(message);
  });
});

describe('describeError', () => {
  it('gives name and message, cut where they are endless', () => {
    expect(describeError(new RangeError('no'))).toBe('RangeError: no');
    expect(describeError(new Error('x'.repeat(1_000))).length).toBeLessThan(320);
  });

  it('survives errors that cannot be read, and cyclic causes', () => {
    const hostile = Object.defineProperty(new Error(), 'message', {
      get: () => {
        throw new Error('unreadable');
      },
    });
    expect(describeError(hostile)).toContain('cannot be read');
    const cyclic = new Error('round');
    cyclic.cause = cyclic;
    expect(describeError(cyclic)).toBe('Error: round');
  });
});
