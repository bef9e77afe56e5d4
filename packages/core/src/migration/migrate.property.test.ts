import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { memory } from '../backend/memory/memory.js';
import type { Backend } from '../backend/backend.js';
import { migrate } from './migrate.js';
import type { MigrationOptions } from './migration-options.js';
import { everything, fused, Fuse, Killed, logOf } from './migrate.test-support.js';
import { originOf } from './origin.js';
import { digestLog } from './verification.js';

const streams = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 40 });

/** Runs until a run is not cut off; each but the last may make a few calls to the target. */
const runKilled = async (
  options: Omit<MigrationOptions, 'to'>,
  to: Backend,
  transactional: boolean,
  kills: readonly { readonly calls: number; readonly after: boolean; readonly batchSize: number }[],
): Promise<number> => {
  let cutOff = 0;
  for (const { calls, after, batchSize } of kills) {
    const fuse = new Fuse(calls, after);
    try {
      await migrate({ ...options, batchSize, to: fused(to, { transactional, fuse }) }).done;
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      cutOff += 1;
    }
  }
  await migrate({ ...options, to: fused(to, { transactional }) }).done;
  return cutOff;
};

describe('a migration that is cut off at any call to the target, again and again', () => {
  const kills = fc.array(
    fc.record({
      calls: fc.integer({ min: 1, max: 12 }),
      after: fc.boolean(),
      batchSize: fc.integer({ min: 1, max: 12 }),
    }),
    { maxLength: 8 },
  );

  it.each([
    ['with transactions', true],
    ['without transactions', false],
  ])('makes the same log once, %s', async (_, transactional) => {
    let cutOff = 0;
    await fc.assert(
      fc.asyncProperty(streams, kills, async (names, cuts) => {
        const source = await logOf(names);
        const target = memory();
        cutOff += await runKilled({ name: 'm', from: source.events }, target, transactional, cuts);
        expect(await digestLog(target.events)).toEqual(await digestLog(source.events));
        const from = await everything(source.events);
        const to = await everything(target.events);
        expect(to.map(originOf)).toEqual(
          from.map(({ id, stream, version, position, recordedAt }) => ({
            migration: 'm',
            id,
            stream,
            version,
            position: String(position),
            recordedAt: recordedAt.toISOString(),
          })),
        );
      }),
      { numRuns: 150 },
    );
    expect(cutOff).toBeGreaterThan(60);
  });

  it.each([
    ['with transactions', true],
    ['without transactions', false],
  ])('transforms as it would have uncut, %s', async (_, transactional) => {
    const transformation = {
      rename: { streams: (name: string) => (name === 'a' || name === 'b' ? 'ab' : name) },
      filter: { streamPrefixes: ['a', 'b', 'c'] },
      map: (event: Parameters<NonNullable<MigrationOptions['map']>>[0]) => {
        const { n } = event.data as { readonly n: number };
        if (n % 5 === 0) return undefined;
        if (n % 5 === 1)
          return [event, { ...event, stream: `${event.stream}-too` }, { ...event, type: 'Third' }];
        return { ...event, data: { n, twice: n * 2 } };
      },
    };
    await fc.assert(
      fc.asyncProperty(streams, kills, async (names, cuts) => {
        const source = await logOf(names);
        const options = { name: 'm', from: source.events, ...transformation };
        const [uncut, cut] = [memory(), memory()];
        await migrate({ ...options, to: uncut }).done;
        await runKilled(options, cut, transactional, cuts);
        expect(await digestLog(cut.events)).toEqual(await digestLog(uncut.events));
      }),
      { numRuns: 100 },
    );
  });
});
