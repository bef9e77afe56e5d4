import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { deterministicId, newId } from '../messages/ids.js';
import { RecentIds } from './recent-ids.js';

const parent = newId();
const idOf = (index: number): string => deterministicId(parent, String(index));

describe('recent ids', () => {
  it('know what was added, completely', () => {
    const ids = new RecentIds(2);
    ids.add(idOf(1));
    ids.add(idOf(2));
    expect([ids.has(idOf(1)), ids.has(idOf(2)), ids.has(idOf(3)), ids.complete]).toEqual([
      true,
      true,
      false,
      true,
    ]);
  });

  it('forget the oldest and say so', () => {
    const ids = new RecentIds(2);
    for (const index of [1, 2, 3]) ids.add(idOf(index));
    expect([ids.has(idOf(1)), ids.has(idOf(2)), ids.has(idOf(3)), ids.complete]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it('keep no ids that nobody can ask for', () => {
    const ids = new RecentIds(1);
    const fresh = newId();
    ids.add(idOf(1));
    ids.add(fresh);
    expect([ids.has(fresh), ids.has(idOf(1)), ids.complete]).toEqual([false, true, true]);
  });

  it('are incomplete when earlier events were never seen', () => {
    const ids = new RecentIds(1);
    ids.missEarlier();
    expect(ids.complete).toBe(false);
  });

  it('never deny an id that was added while they claim to be complete', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(fc.nat(12)), (capacity, added) => {
        const ids = new RecentIds(capacity);
        for (const index of added) ids.add(idOf(index));
        if (ids.complete) for (const index of added) expect(ids.has(idOf(index))).toBe(true);
      }),
    );
  });
});
