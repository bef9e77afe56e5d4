import { describe, expect, it } from '@jest/globals';
import { InvalidArgumentError } from '@tidemark/core';
import fc from 'fast-check';
import { keyOf, storedKey } from './sequence-key.js';

describe('the key of a sequence as it is stored', () => {
  const key = fc.string({
    unit: fc.oneof(
      fc.constantFrom('\\', '\0', '\ud800', '\udc00', 'u', '0', 'd', '8'),
      fc.string({ unit: 'binary' }),
    ),
    maxLength: 30,
  });

  it('pitfall 25: is text that UTF-8 can hold, from which the key comes back as it was', () => {
    fc.assert(
      fc.property(key, (text) => {
        const stored = storedKey(text);
        expect(stored).not.toContain('\0');
        expect(Buffer.from(stored).toString()).toBe(stored);
        expect(keyOf(stored)).toBe(text);
      }),
    );
  });

  it('is the key itself where nothing is odd', () => {
    expect(storedKey('order-1 ü 😀')).toBe('order-1 ü 😀');
  });

  it('is refused where no index could hold it', () => {
    expect(() => storedKey('\ud800'.repeat(500), 'letters[0].sequence')).toThrow(InvalidArgumentError);
    expect(() => storedKey('語'.repeat(500))).not.toThrow();
  });
});
