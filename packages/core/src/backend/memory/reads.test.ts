import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { RecordedEvent } from '../../messages/event.js';
import { memory } from './memory.js';

const small = (max = 12): fc.Arbitrary<number | undefined> => fc.option(fc.nat(max), { nil: undefined });
const window = {
  direction: fc.constantFrom('forwards' as const, 'backwards' as const, undefined),
  limit: small(),
  batchSize: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
};

const numbers = async (batches: AsyncIterable<readonly RecordedEvent[]>): Promise<unknown[]> => {
  const seen: unknown[] = [];
  for await (const batch of batches) seen.push(...batch.map((event) => event.data));
  return seen;
};

const counting = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('reads of the memory log', () => {
  it('of a stream are what is left after its settings, from and to, in the direction, up to the limit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(8),
        fc.record({ ...window, from: small(), to: small() }),
        fc.record({
          maxCount: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
          truncateBefore: small(),
        }),
        async (count, options, settings) => {
          const { events } = memory();
          await events.setStreamMetadata('s', settings);
          for (const data of counting(count)) await events.append('s', [{ type: 'N', data }]);
          const left = counting(count)
            .slice(-(settings.maxCount ?? count) || count)
            .filter((n) => n >= (settings.truncateBefore ?? 0));
          const { from, to, limit, direction } = options;
          const asked =
            direction === 'backwards'
              ? left.toReversed().filter((n) => n <= (from ?? n) && n >= (to ?? n))
              : left.filter((n) => n >= (from ?? n) && n <= (to ?? n));
          expect(await numbers(events.readStream('s', options))).toEqual(asked.slice(0, limit ?? count));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('of the whole log are what is after and up to, in the direction, up to the limit', async () => {
    const position = fc.option(fc.bigInt({ min: -2n, max: 14n }), { nil: undefined });
    await fc.assert(
      fc.asyncProperty(
        fc.nat(8),
        fc.record({ ...window, after: position, to: position }),
        async (count, options) => {
          const { events } = memory();
          for (const data of counting(count)) await events.append(`s${data % 3}`, [{ type: 'N', data }]);
          // The event with number n has position n + 1.
          const at = (n: number): bigint => BigInt(n) + 1n;
          const { after, to, limit, direction } = options;
          const asked =
            direction === 'backwards'
              ? counting(count)
                  .toReversed()
                  .filter((n) => (after === undefined || at(n) < after) && at(n) >= (to ?? at(n)))
              : counting(count).filter(
                  (n) => (after === undefined || at(n) > after) && at(n) <= (to ?? at(n)),
                );
          expect(await numbers(events.readAll(options))).toEqual(asked.slice(0, limit ?? count));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('go up to where the log ended when they began, and no further', async () => {
    const { events } = memory();
    await events.append(
      's',
      counting(4).map((data) => ({ type: 'N', data })),
    );
    const seen: unknown[] = [];
    for await (const batch of events.readAll({ batchSize: 1 })) {
      seen.push(...batch.map((event) => event.data));
      await events.append('s', [{ type: 'N', data: 'later' }]);
    }
    expect(seen).toEqual([0, 1, 2, 3]);
  });
});
