import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../clock.js';
import { Problems, type Problem } from './problems.js';

const at = new Date('2026-01-02T03:04:05Z');
const clock = { ...systemClock, now: () => at };

describe('problems', () => {
  it('are listed, the newest of each source, until the source works again', () => {
    const told: Problem[] = [];
    const problems = new Problems(clock, (problem) => told.push(problem));
    problems.resolve('snapshots');
    problems.report('snapshots', 'first');
    problems.report('snapshots', 'second');
    problems.report('other', 'third');
    expect(problems.list()).toEqual([
      { source: 'snapshots', error: 'second', at },
      { source: 'other', error: 'third', at },
    ]);
    problems.resolve('snapshots');
    expect(problems.list().map(({ source }) => source)).toEqual(['other']);
    expect(told.map(({ error }) => error)).toEqual(['first', 'second', 'third']);
  });

  it('do not fail the work by a listener that throws', () => {
    const problems = new Problems(clock, () => {
      throw new Error('listener');
    });
    problems.report('snapshots', 'first');
    expect(problems.list()).toHaveLength(1);
  });
});
