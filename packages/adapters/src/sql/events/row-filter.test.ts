import { describe, expect, it } from '@jest/globals';
import { jsonCodec } from '@tidemark/core';
import type { EventFilter } from '@tidemark/core';
import { EventRows } from './event-rows.js';
import { rowAt } from './fake-log.test-support.js';
import { RowFilter } from './row-filter.js';

const row = rowAt(1n, 'Paid', 'order-1').with(7, '{"tenant":"a"}').with(8, '1000.5');
const matches = (filter: EventFilter | undefined): boolean =>
  new RowFilter(new EventRows(jsonCodec), filter).select(row) !== undefined;

describe('a filter of rows', () => {
  it.each<[boolean, EventFilter | undefined]>([
    [true, undefined],
    [true, { types: ['Placed', 'Paid'] }],
    [false, { types: ['Placed'] }],
    [true, { streamPrefixes: ['order-'] }],
    [false, { streamPrefixes: ['customer-'] }],
    [true, { streamPrefixes: [''] }],
    [false, { streamPrefixes: ['\0'] }],
    [true, { metadata: { tenant: 'a' } }],
    [false, { metadata: { tenant: 'b' } }],
    [true, { recordedFrom: new Date(1_000_500), recordedBefore: new Date(1_000_501) }],
    [false, { recordedFrom: new Date(1_000_501) }],
    [false, { recordedBefore: new Date(1_000_500) }],
    [false, { types: ['Paid'], streamPrefixes: ['customer-'] }],
  ])('says %s for %j', (expected, filter) => {
    expect(matches(filter)).toBe(expected);
  });

  it('takes no half of a character for a prefix, as the database does not', () => {
    const filter = new RowFilter(new EventRows(jsonCodec), { streamPrefixes: ['\ud83d'] });
    expect(filter.mayMatch(rowAt(1n, 'T', '😀'))).toBe(false);
  });

  it('makes a new event each time', () => {
    const filter = new RowFilter(new EventRows(jsonCodec), undefined);
    const first = filter.select(row);
    expect(filter.select(row)).toEqual(first);
    expect(filter.select(row)).not.toBe(first);
  });
});
