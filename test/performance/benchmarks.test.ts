import { describe, expect, it } from '@jest/globals';
import { benchmarkNamed, benchmarkNames } from './benchmarks.js';
import { sampleEvent } from './sample-events.js';

describe('the benchmarks', () => {
  it('are found by name', () => {
    expect(benchmarkNames).toEqual([
      'append',
      'read',
      'process',
      'dispatch',
      'engine',
      'routing',
      'correlation',
      'live',
      'ordering',
      'redis',
      'memory',
    ]);
    for (const name of benchmarkNames) expect(benchmarkNamed(name)(1, false).length).toBeGreaterThan(0);
  });

  it('say which there are when asked for another', () => {
    expect(() => benchmarkNamed('apend')).toThrow(
      'There is no benchmark "apend". There are: append, read, process, dispatch, engine, routing, correlation, live, ordering, redis, memory.',
    );
  });

  it.each(['append', 'read', 'process', 'dispatch', 'engine', 'routing'])(
    'have a run of each side for each case: %s',
    async (name) => {
      // The last group of each is in memory.
      const group = benchmarkNamed(name)(0.02, false).at(-1);
      for (const side of [await group?.ours(), await group?.bare()]) {
        expect(side?.runs).toHaveLength(group?.cases.length ?? 0);
        for (const run of side?.runs ?? []) expect(await run()).toBeGreaterThan(0);
        await side?.close?.();
      }
    },
  );

  it.each(['append', 'read', 'process'])('are measured beside peers only when asked for: %s', (name) => {
    const named = (peers: boolean): readonly string[] =>
      benchmarkNamed(name)(1, peers).flatMap(({ cases }) => cases.map((described) => described.name));
    const beside = named(true).filter((described) => !named(false).includes(described));
    expect(beside.length).toBeGreaterThan(0);
    for (const described of beside) expect(described).toMatch(/Emmett|message-db|meanwhile/);
  });

  it('write events of 199 bytes of data and 138 of metadata', () => {
    for (const number of [0, 7, 12_345_678]) {
      const { data, metadata } = sampleEvent(number);
      expect(JSON.stringify(data)).toHaveLength(199);
      expect(JSON.stringify(metadata)).toHaveLength(138);
    }
  });
});
