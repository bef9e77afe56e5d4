import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { priorities } from '../model/handler-policy.js';
import { LaneTurns, laneWeights, rankOf, type Rank } from './lane-turns.js';

const ranks = [0, 1, 2, 3] as const;
const weights = priorities.map((priority) => laneWeights[priority]);
const rank = fc.constantFrom<Rank>(...ranks);

describe('LaneTurns', () => {
  it('gives each lane its weight of the turns while all of them have work', () => {
    const turns = new LaneTurns<Rank>();
    for (let count = 0; count < 200; count += 1) for (const lane of ranks) turns.push(lane, lane);
    for (let round = 0; round < 10; round += 1) {
      const counts = [0, 0, 0, 0];
      for (let turn = 0; turn < 15; turn += 1) {
        const lane = turns.shift();
        if (lane !== undefined) counts[lane] = (counts[lane] ?? 0) + 1;
      }
      expect(counts).toEqual(weights);
    }
  });

  it('lets nobody wait for more than the other turns of a round while all of them have work', () => {
    const turns = new LaneTurns<Rank>();
    const since = [0, 0, 0, 0];
    for (const lane of ranks) for (let count = 0; count < 2; count += 1) turns.push(lane, lane);
    const most = [0, 0, 0, 0];
    for (let turn = 1; turn <= 1_000; turn += 1) {
      const lane = turns.shift();
      if (lane === undefined) throw new Error('no turn');
      most[lane] = Math.max(most[lane] ?? 0, turn - (since[lane] ?? 0) - 1);
      since[lane] = turn;
      turns.push(lane, lane);
    }
    expect(most.map((waited, lane) => waited <= ([3, 4, 7, 14][lane] ?? 0))).toEqual([
      true,
      true,
      true,
      true,
    ]);
  });

  it('lets the critical go first through a full backlog, and has not saved up for it', () => {
    const turns = new LaneTurns<string>();
    for (let count = 0; count < 1_000; count += 1) turns.push('normal', 2);
    for (let count = 0; count < 500; count += 1) turns.shift();
    for (let count = 0; count < 100; count += 1) turns.push('critical', 0);
    const taken = Array.from({ length: 130 }, () => turns.shift());
    expect(taken[0]).toBe('critical');
    // Four in five, from the beginning: what was idle before counts for neither.
    const first = taken.slice(0, 50).filter((lane) => lane === 'critical').length;
    expect([40, 41]).toContain(first);
    expect(taken.filter((lane) => lane === 'critical')).toHaveLength(100);
  });

  it('keeps each lane first come, first served, and nobody waits longer than the bound, whatever else comes', () => {
    const bounds = [3, 5, 9, 17];
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof({ weight: 2, arbitrary: rank }, { weight: 1, arbitrary: fc.constant('turn' as const) }),
          {
            maxLength: 400,
          },
        ),
        fc.array(rank, { maxLength: 100 }),
        (prelude, burst) => {
          const turns = new LaneTurns<{ readonly rank: Rank; readonly number: number }>();
          const queues: number[][] = [[], [], [], []];
          /** How many turns the head of each lane has waited for. */
          const waited = [0, 0, 0, 0];
          let number = 0;
          const push = (lane: Rank): void => {
            number += 1;
            queues[lane]?.push(number);
            if (queues[lane]?.length === 1) waited[lane] = 0;
            turns.push({ rank: lane, number }, lane);
          };
          const take = (): void => {
            const next = turns.shift();
            if (next === undefined) {
              expect(queues.flat()).toEqual([]);
              return;
            }
            expect(next.number).toBe(queues[next.rank]?.shift());
            expect(waited[next.rank]).toBeLessThanOrEqual(bounds[next.rank] ?? 0);
            for (const lane of ranks) waited[lane] = (waited[lane] ?? 0) + 1;
            waited[next.rank] = 0;
          };
          for (const step of prelude) {
            if (step === 'turn') take();
            else push(step);
          }
          // A flood of others, renewed at every turn, while what waits is served.
          for (let turn = 0; turn < 60; turn += 1) {
            for (const lane of burst.slice(0, 4)) push(lane);
            take();
          }
          expect(turns.size).toBe(queues.flat().length);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is empty after it was cleared', () => {
    const turns = new LaneTurns<number>();
    turns.push(1, 0);
    turns.push(2, 3);
    turns.clear();
    expect([turns.size, turns.shift()]).toEqual([0, undefined]);
  });
});

describe('rankOf', () => {
  it('orders priorities from the most urgent', () => {
    expect(priorities.map(rankOf)).toEqual([0, 1, 2, 3]);
    expect(rankOf('urgent')).toBeUndefined();
  });
});
