import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { jsonCodec, StoreUnavailableError } from '@tidemark/core';
import type { EventFilter } from '@tidemark/core';
import fc from 'fast-check';
import { FakeRelay, fakeTail, rowAt } from './fake-log.test-support.js';
import { EventRows } from './event-rows.js';
import { RowFilter } from './row-filter.js';

const seed = Math.floor(Math.random() * 2 ** 31);

/** What may happen. Numbers choose among what is there. */
type Happening =
  | { readonly what: 'write'; readonly gaps: readonly number[]; readonly type: string }
  | { readonly what: 'announce' | 'wake' | 'identity' | 'pause' | 'hold' }
  | { readonly what: 'fault'; readonly away: boolean }
  | { readonly what: 'stretch'; readonly after: number; readonly length: number }
  | { readonly what: 'stale'; readonly listener: number };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('write' as const),
      gaps: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 8 }),
      type: fc.constantFrom('A', 'B', 'C'),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constant('stretch' as const),
      after: fc.nat(40),
      length: fc.nat(30),
    }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('announce' as const, 'wake' as const) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('pause' as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('identity' as const, 'hold' as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('fault' as const), away: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('stale' as const), listener: fc.nat(5) }) },
);

const subscriber = fc.record({
  types: fc.constantFrom(undefined, ['A'], ['B', 'C'], ['Never']),
  batchSize: fc.integer({ min: 1, max: 6 }),
  turns: fc.nat(4),
});

describe('whatever a relay does', () => {
  it(`each subscription gives each event once, in order, and none is missing (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { maxLength: 40 }),
        fc.array(subscriber, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (happenings, subscribers, follows) => {
          const relay = new FakeRelay();
          relay.follows = follows;
          const { tail, database, subscribe } = fakeTail({
            relay,
            pollMs: 20,
            limits: { rows: 12, text: 5_000 },
          });
          await tail.open();
          const finish: { at: bigint | undefined } = { at: undefined };

          /** Follows the log as a processor does: behind a failure, again from where it was. */
          const follow = async (
            filter: EventFilter,
            batchSize: number,
            turns: number,
          ): Promise<readonly bigint[]> => {
            const seen: bigint[] = [];
            let after = 0n;
            while (finish.at === undefined || after < finish.at) {
              try {
                for await (const batch of subscribe({ after, filter, batchSize })) {
                  expect(batch.position).toBeGreaterThanOrEqual(after);
                  expect(batch.events.length).toBeLessThanOrEqual(batchSize);
                  seen.push(...batch.events.map(({ position }) => position));
                  after = batch.position;
                  if (finish.at !== undefined && after >= finish.at) break;
                  for (let turn = 0; turn < turns; turn++) await setImmediate();
                }
              } catch (error) {
                expect(error).toMatchObject({ message: 'away' });
                await setImmediate();
              }
            }
            return seen;
          };

          const following = subscribers.map(({ types, batchSize, turns }) =>
            follow({ types }, batchSize, turns),
          );
          for (const one of happenings) {
            switch (one.what) {
              case 'write': {
                let position = database.safe;
                for (const gap of one.gaps) database.write(rowAt((position += BigInt(gap)), one.type));
                break;
              }
              case 'announce':
                tail.announce(database.safe);
                break;
              case 'wake':
                relay.listeners.at(-1)?.wake();
                break;
              case 'stretch': {
                // Near the end, and never beyond what is safe.
                const after = database.safe > BigInt(one.after) ? database.safe - BigInt(one.after) : 0n;
                const upTo = after + BigInt(one.length);
                const stretch = database.stretch(after, upTo > database.safe ? database.safe : upTo);
                relay.listeners.at(-1)?.stretch(stretch);
                break;
              }
              case 'stale': {
                const stale = relay.listeners.slice(0, -1);
                const listener = stale[one.listener % Math.max(stale.length, 1)];
                const position = database.safe + 1n;
                listener?.stretch({ after: 0n, upTo: position, rows: [rowAt(position, 'A')] });
                break;
              }
              case 'fault':
                database.error = one.away ? new StoreUnavailableError('away') : new Error('away');
                tail.announce();
                await setImmediate();
                await setImmediate();
                database.error = undefined;
                break;
              case 'hold':
                database.held = !database.held;
                break;
              case 'identity':
                database.identity += 'x';
                tail.announce();
                for (let turn = 0; turn < 4; turn++) await setImmediate();
                break;
              default:
                await setImmediate();
            }
            if (happenings.length % 2 === 0) await setImmediate();
          }
          // One more for everybody, so that all come to an end.
          database.write(rowAt(database.safe + 1n, 'Last'));
          finish.at = database.safe;
          const seen = await Promise.all(following);
          await tail.close();
          for (const [index, { types }] of subscribers.entries()) {
            const filter = new RowFilter(new EventRows(jsonCodec), { types });
            const wanted = database.rows
              .filter((row) => filter.mayMatch(row))
              .map(([position]) => BigInt(position ?? 0));
            expect(seen[index]).toEqual(wanted);
          }
        },
      ),
      { seed, numRuns: 150 },
    );
  }, 60_000);
});
