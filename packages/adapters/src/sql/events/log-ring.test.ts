import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rowAt } from './fake-log.test-support.js';
import { LogRing } from './log-ring.js';

const seed = Math.floor(Math.random() * 2 ** 31);

const behind = (ring: LogRing, after: bigint): readonly bigint[] => {
  const found: bigint[] = [];
  ring.visit(after, ([position]) => {
    found.push(BigInt(position ?? -1));
    return true;
  });
  return found;
};

describe('the ring', () => {
  const filled = (): LogRing => {
    const ring = new LogRing({ rows: 3, text: 10_000 });
    ring.reset(10n);
    ring.extend({ after: 10n, upTo: 14n, rows: [rowAt(11n), rowAt(13n)] });
    return ring;
  };

  it('takes what joins on, without what it has already', () => {
    const ring = filled();
    const taken = ring.extend({ after: 12n, upTo: 15n, rows: [rowAt(13n), rowAt(15n)] });
    expect(taken).toEqual([rowAt(15n)]);
    expect([ring.start, ring.end, behind(ring, 10n)]).toEqual([10n, 15n, [11n, 13n, 15n]]);
    expect(ring.extend({ after: 15n, upTo: 17n, rows: [] })).toEqual([]);
    expect(ring.end).toBe(17n);
  });

  it('takes nothing that leaves a gap, is known, is out of order or lies outside of its stretch', () => {
    const ring = filled();
    for (const stretch of [
      { after: 15n, upTo: 16n, rows: [rowAt(16n)] },
      { after: 10n, upTo: 14n, rows: [rowAt(11n), rowAt(13n)] },
      { after: 14n, upTo: 16n, rows: [rowAt(16n), rowAt(15n)] },
      { after: 14n, upTo: 16n, rows: [rowAt(17n)] },
      { after: 14n, upTo: 16n, rows: [rowAt(14n)] },
      { after: 14n, upTo: 16n, rows: [[null]] },
    ]) {
      expect(ring.extend(stretch)).toBeUndefined();
    }
    expect([ring.end, behind(ring, 10n)]).toEqual([14n, [11n, 13n]]);
  });

  it('forgets the oldest when there are too many, and says so by its start', () => {
    const ring = filled();
    ring.extend({ after: 14n, upTo: 18n, rows: [rowAt(15n), rowAt(18n)] });
    expect([ring.start, behind(ring, 11n)]).toEqual([11n, [13n, 15n, 18n]]);
  });

  it('forgets the oldest when their text is too long, and in the end itself', () => {
    const ring = new LogRing({ rows: 100, text: 500 });
    ring.extend({ after: 0n, upTo: 1n, rows: [rowAt(1n)] });
    ring.extend({ after: 1n, upTo: 2n, rows: [rowAt(2n, 'x'.repeat(420))] });
    expect([ring.start, behind(ring, 1n)]).toEqual([1n, [2n]]);
    ring.extend({ after: 2n, upTo: 4n, rows: [rowAt(3n, 'x'.repeat(501))] });
    expect([ring.start, ring.end, behind(ring, 3n)]).toEqual([3n, 4n, []]);
    ring.extend({ after: 4n, upTo: 5n, rows: [rowAt(5n)] });
    expect(behind(ring, 3n)).toEqual([5n]);
  });

  it('says how far it was visited', () => {
    const ring = filled();
    expect(ring.visit(10n, () => false)).toBe(11n);
    expect(ring.visit(11n, () => true)).toBe(14n);
  });

  it(`has everything behind its start, whatever stretches come (seed ${seed})`, () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 3_000 }), { maxLength: 200 }),
        fc.array(fc.tuple(fc.nat(3_000), fc.nat(1_500)), { maxLength: 60 }),
        (positions, stretches) => {
          const log = positions.toSorted((a, b) => a - b).map(BigInt);
          const ring = new LogRing({ rows: 40, text: 1_000_000 });
          for (const [from, length] of stretches) {
            const after = BigInt(from);
            const upTo = after + BigInt(length);
            const rows = log
              .filter((position) => position > after && position <= upTo)
              .map((at) => rowAt(at));
            ring.extend({ after, upTo, rows });
            const held = log.filter((position) => position > ring.start && position <= ring.end);
            expect(behind(ring, ring.start)).toEqual(held);
            expect(held.length).toBeLessThanOrEqual(40);
          }
        },
      ),
      { seed },
    );
  });

  it('gives back the places of what it has forgotten', () => {
    const ring = new LogRing({ rows: 2_000, text: 1_000_000 });
    for (let at = 0n; at < 5_000n; at += 1n)
      ring.extend({ after: at, upTo: at + 1n, rows: [rowAt(at + 1n)] });
    expect([ring.start, behind(ring, 4_997n)]).toEqual([3_000n, [4_998n, 4_999n, 5_000n]]);
  });
});
