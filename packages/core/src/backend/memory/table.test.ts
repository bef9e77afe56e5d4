import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MapTable, OverlaidTable } from './table.js';

interface Row {
  readonly key: string;
  readonly n: number;
}

const changes = fc.array(
  fc.record({ key: fc.constantFrom('a', 'b', 'c', '__proto__'), n: fc.option(fc.nat(), { nil: undefined }) }),
);

const apply = (
  target: { set(key: string, row: Row): unknown; delete(key: string): unknown },
  list: readonly { readonly key: string; readonly n: number | undefined }[],
): void => {
  for (const { key, n } of list) {
    if (n === undefined) target.delete(key);
    else target.set(key, { key, n });
  }
};

const sorted = (rows: Iterable<Row>): Row[] => [...rows].toSorted((a, b) => (a.key < b.key ? -1 : 1));

describe('an overlaid table', () => {
  it('shows what a copy with the same changes would, changes nothing below, and all of it at once on commit', () => {
    fc.assert(
      fc.property(changes, changes, (first, second) => {
        const below = new MapTable<Row>();
        const copy = new Map<string, Row>();
        apply(below, first);
        apply(copy, first);
        const untouched = sorted(below.rows());
        const overlay = new OverlaidTable(below, (row: Row) => row.key);
        apply(overlay, second);
        apply(copy, second);
        expect(sorted(overlay.rows())).toEqual(sorted(copy.values()));
        for (const key of ['a', 'b', 'c', '__proto__']) expect(overlay.get(key)).toEqual(copy.get(key));
        expect(sorted(below.rows())).toEqual(untouched);
        overlay.commit();
        expect(sorted(below.rows())).toEqual(sorted(copy.values()));
      }),
    );
  });
});
