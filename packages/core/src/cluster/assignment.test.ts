import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { assign, type AssignableNode } from './assignment.js';

const segmentsOf = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, id) => `${id}/${count - 1}`);
const nodesOf = (count: number): readonly AssignableNode[] =>
  Array.from({ length: count }, (_, n) => ({ name: `node-${n}` }));
const processorsOf = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `processor-${n}`);

const loads = (owners: ReadonlyMap<string, string>, nodes: readonly AssignableNode[]): readonly number[] =>
  nodes.map(({ name }) => [...owners.values()].filter((owner) => owner === name).length);

const moved = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): number =>
  [...before].filter(([segment, owner]) => after.get(segment) !== owner).length;

describe('assign', () => {
  it('gives every segment one owner, the same whoever computes it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 64 }),
        fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 9 }),
        fc.string(),
        (count, names, processor) => {
          const segments = segmentsOf(count);
          const nodes = names.map((name) => ({ name }));
          const owners = assign({ processor, segments, nodes });
          expect([...owners.keys()].toSorted()).toEqual([...segments].toSorted());
          expect(assign({ processor, segments: segments.toReversed(), nodes: nodes.toReversed() })).toEqual(
            owners,
          );
          const shares = loads(owners, nodes);
          expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it('balances 24 processors of 64 segments over 8 nodes to within one segment, all of them together too', () => {
    const nodes = nodesOf(8);
    const totals = nodes.map(() => 0);
    for (const processor of processorsOf(24)) {
      const shares = loads(assign({ processor, segments: segmentsOf(64), nodes }), nodes);
      expect(shares).toEqual(nodes.map(() => 8));
      for (const [index, share] of shares.entries()) totals[index] = (totals[index] ?? 0) + share;
    }
    expect(new Set(totals)).toEqual(new Set([192]));
  });

  it('gives the odd segments of different processors to different nodes', () => {
    const nodes = nodesOf(4);
    const totals = nodes.map(() => 0);
    for (const processor of processorsOf(200)) {
      const shares = loads(assign({ processor, segments: segmentsOf(1), nodes }), nodes);
      for (const [index, share] of shares.entries()) totals[index] = (totals[index] ?? 0) + share;
    }
    expect(Math.min(...totals)).toBeGreaterThan(30);
  });

  it.each([
    [16, 1],
    [16, 3],
    [64, 4],
    [64, 7],
  ])(
    'moves little more than the share of a node that joins or leaves: %d segments, %d nodes',
    (count, size) => {
      let moves = 0;
      const processors = processorsOf(100);
      for (const processor of processors) {
        const segments = segmentsOf(count);
        const before = assign({ processor, segments, nodes: nodesOf(size) });
        const after = assign({ processor, segments, nodes: nodesOf(size + 1) });
        moves += moved(before, after);
      }
      const share = moves / (processors.length * count);
      expect(share).toBeGreaterThan(0.9 / (size + 1));
      expect(share).toBeLessThan(1 / (size + 1) + 0.1);
    },
  );

  it('heeds weights', () => {
    const nodes = [{ name: 'small' }, { name: 'large', weight: 3 }];
    expect(loads(assign({ processor: 'p', segments: segmentsOf(64), nodes }), nodes)).toEqual([16, 48]);
  });

  it('gives nothing where nobody is', () => {
    expect(assign({ processor: 'p', segments: segmentsOf(4), nodes: [] }).size).toBe(0);
  });
});
