import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { InvalidArgumentError } from '../log/errors.js';
import { decodeCursor, encodeCursor } from './document-cursor.js';

describe('cursors', () => {
  it('give back any place, for the order that they were made for', () => {
    fc.assert(
      fc.property(
        fc.record({ orderBy: fc.option(fc.string(), { nil: undefined }), descending: fc.boolean() }),
        fc.record({
          value: fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.boolean(), fc.constant(null)),
          key: fc.string({ unit: 'binary' }),
        }),
        (ordering, place) => {
          expect(decodeCursor(encodeCursor(ordering, place), ordering)).toEqual(place);
        },
      ),
    );
  });

  it('hold for one order only; what is left out is ascending, by key', () => {
    const cursor = encodeCursor({}, { value: null, key: 'a' });
    expect(decodeCursor(cursor, { descending: false })).toEqual({ value: null, key: 'a' });
    expect(() => decodeCursor(cursor, { descending: true })).toThrow('in another order');
    expect(() => decodeCursor(cursor, { orderBy: 'n' })).toThrow('in another order');
  });

  it.each([
    '',
    'x',
    '{}',
    '[]',
    '[null,false,null]',
    '[null,false,{},"k"]',
    '[null,false,null,7]',
    '[1,2,3,"4",5]',
  ])('refuse what is none: %s', (text) => {
    const cursor = Buffer.from(text).toString('base64url');
    expect(() => decodeCursor(cursor, {})).toThrow(InvalidArgumentError);
  });
});
