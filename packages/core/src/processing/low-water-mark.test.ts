import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LowWaterMark } from './low-water-mark.js';

describe('LowWaterMark', () => {
  it('stands where it began until something is finished', () => {
    expect(new LowWaterMark(undefined).position).toBeUndefined();
    const mark = new LowWaterMark(7n);
    mark.admit(9n, 1);
    expect(mark.position).toBe(7n);
  });

  it('passes a position only when all pieces of it are finished', () => {
    const mark = new LowWaterMark(0n);
    const ticket = mark.admit(1n, 2);
    mark.admit(5n, 0);
    expect(mark.finish(ticket)).toBe(false);
    expect(mark.position).toBe(0n);
    expect(mark.finish(ticket)).toBe(true);
    expect(mark.position).toBe(5n);
  });

  it('is, through any order of finishing, the position below the first that is not finished', () => {
    const step = fc.record({
      gap: fc.integer({ min: 1, max: 5 }),
      pieces: fc.integer({ min: 0, max: 3 }),
      finish: fc.array(fc.nat({ max: 1_000 }), { maxLength: 6 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 300 }), (steps) => {
        const mark = new LowWaterMark(undefined);
        const model: { position: bigint; open: number }[] = [];
        const open: { readonly ticket: number; readonly entry: { position: bigint; open: number } }[] = [];
        let position = 0n;
        const check = (): void => {
          const first = model.findIndex((entry) => entry.open > 0);
          const expected = first === -1 ? model.at(-1)?.position : model[first - 1]?.position;
          expect(mark.position).toBe(expected);
        };
        const finish = (at: number): void => {
          const [piece] = open.splice(at % open.length, 1);
          if (piece === undefined) return;
          piece.entry.open -= 1;
          const before = mark.position;
          expect(mark.finish(piece.ticket)).toBe(mark.position !== before);
          check();
        };
        for (const { gap, pieces, finish: finishing } of steps) {
          position += BigInt(gap);
          const entry = { position, open: pieces };
          const ticket = mark.admit(position, pieces);
          model.push(entry);
          for (let piece = 0; piece < pieces; piece += 1) open.push({ ticket, entry });
          check();
          for (const at of finishing) if (open.length > 0) finish(at);
        }
        while (open.length > 0) finish(open.length - 1);
        expect(mark.position).toBe(position);
        expect(mark.span).toBe(0);
      }),
    );
  });
});
