import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeEntry, encodeEntry, stretchesOf, type TailEntry } from './tail-entry.js';

const entry = (position: number, previous: number): TailEntry => ({
  position: BigInt(position),
  previous: BigInt(previous),
  row: [String(position), 'stream'],
});

describe('an entry of the tail', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
        fc.nat(),
        fc.array(fc.option(fc.string({ unit: 'binary' })), { maxLength: 12 }),
        (position, back, columns) => {
          const previous = position - 1n - BigInt(back);
          const whole = {
            position,
            previous: previous < 0n ? 0n : previous,
            row: [String(position), ...columns],
          };
          expect(decodeEntry([`${position}-0`, encodeEntry(whole)])).toEqual(whole);
        },
      ),
    );
  });

  it.each([
    ['no entry', 'x'],
    ['no id', [1, []]],
    ['no fields', ['1-0', null]],
    ['another kind of id', ['1-1', encodeEntry(entry(1, 0))]],
    ['an id that is not its position', ['2-0', encodeEntry(entry(1, 0))]],
    ['no previous position', ['1-0', ['n', '1', '0', '1']]],
    ['a previous position that is none', ['1-0', ['p', '-1', 'n', '1', '0', '1']]],
    ['a previous position that is not before it', ['1-0', encodeEntry(entry(1, 1))]],
    ['no columns', ['1-0', ['p', '0', 'n', '0']]],
    ['too many columns', ['1-0', ['p', '0', 'n', '1e9', '0', '1']]],
    ['fields that are no text', ['1-0', ['p', 0]]],
  ])('is none with %s', (_, raw) => {
    expect(decodeEntry(raw)).toBeUndefined();
  });
});

describe('stretches of the tail', () => {
  it('join what follows on each other, and end at holes', () => {
    expect(stretchesOf([entry(3, 2), entry(5, 3), entry(9, 7), entry(10, 9), entry(11, 9)])).toEqual([
      { after: 2n, upTo: 5n, rows: [entry(3, 2).row, entry(5, 3).row] },
      { after: 7n, upTo: 10n, rows: [entry(9, 7).row, entry(10, 9).row] },
      { after: 9n, upTo: 11n, rows: [entry(11, 9).row] },
    ]);
  });

  it('say that nothing is missing only where nothing is', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(200), { minLength: 1 }),
        fc.infiniteStream(fc.boolean()),
        (all, kept) => {
          const positions = all.map((position) => position + 1).toSorted((a, b) => a - b);
          const entries = positions
            .map((position, index) => entry(position, positions[index - 1] ?? 0))
            .filter(() => kept.next().value);
          for (const { after, upTo, rows } of stretchesOf(entries)) {
            expect(rows.map(([position]) => Number(position))).toEqual(
              positions.filter((position) => position > after && position <= upTo),
            );
          }
        },
      ),
    );
  });
});
