import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pglite } from '@tidemark/adapters/pglite';
import { memory, type Backend, type EventFilter, type RecordedEvent } from '@tidemark/core';
import { manualClock } from '@tidemark/core/testing';
import fc from 'fast-check';

const streams = ['a', 'b', 'b-c'] as const;

type Step =
  | {
      readonly kind: 'append';
      readonly stream: string;
      readonly types: readonly string[];
      readonly id: number;
    }
  | { readonly kind: 'truncate'; readonly stream: string; readonly before: number }
  | { readonly kind: 'delete'; readonly stream: string }
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'archive'; readonly upTo: number; readonly batchSize: number }
  | { readonly kind: 'archiveOld'; readonly olderThanMs: number };

const stream = fc.constantFrom(...streams);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      stream,
      types: fc.array(fc.constantFrom('T', 'U'), { minLength: 1, maxLength: 4 }),
      // Out of few, so that appends are repeated, and ids collide.
      id: fc.integer({ min: 0, max: 6 }),
    }),
  },
  fc.record({ kind: fc.constant('truncate' as const), stream, before: fc.integer({ min: 0, max: 9 }) }),
  fc.record({ kind: fc.constant('delete' as const), stream }),
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 60 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('archive' as const),
      upTo: fc.integer({ min: 0, max: 60 }),
      batchSize: fc.integer({ min: 1, max: 7 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('archiveOld' as const),
      olderThanMs: fc.integer({ min: 0, max: 40_000 }),
    }),
  },
);

const collect = async (
  batches: AsyncIterable<readonly RecordedEvent[]>,
): Promise<readonly RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for await (const batch of batches) events.push(...batch);
  return events;
};

describe('a log that is archived now and then', () => {
  let count = 0;
  const clock = manualClock();
  const archived = pglite({ clock });
  beforeAll(() => archived.open());
  afterAll(() => archived.close());

  it('reads, and answers appends, like one in memory that never is', async () => {
    let movedInAll = 0;
    let oldInAll = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        // One database for all runs; each begins behind the events of the one before, in streams of its own.
        count += 1;
        const model: Backend = memory({ clock });
        await model.open();
        const base = await archived.events.head();
        const nameOf = (name: string): string => `${count}:${name}`;
        const shown = ({ id, position, stream: at, version, type, data }: RecordedEvent, from: bigint) => ({
          id,
          position: position - from,
          stream: at,
          version,
          type,
          data,
        });

        const both = async (act: (backend: Backend) => Promise<unknown>): Promise<void> => {
          const outcomes = [];
          for (const backend of [archived, model]) {
            outcomes.push(
              await act(backend).then(
                (value) => ({ value }),
                (error: unknown) => ({ error: error instanceof Error ? error.message : error }),
              ),
            );
          }
          expect(outcomes[0]).toEqual(outcomes[1]);
        };

        for (const each of steps) {
          switch (each.kind) {
            case 'append':
              await both(async ({ events }) => {
                const given = each.types.map((type, index) => ({
                  id: `00000000-0000-4000-8000-00000000000${each.id + index}`,
                  type,
                  data: index,
                }));
                const { version, alreadyAppended } = await events.append(nameOf(each.stream), given);
                return { version, alreadyAppended };
              });
              break;
            case 'truncate':
              await both(({ events }) =>
                events.setStreamMetadata(nameOf(each.stream), { truncateBefore: each.before }),
              );
              break;
            case 'delete':
              await both(({ events }) => events.deleteStream(nameOf(each.stream)));
              break;
            case 'wait':
              await clock.advance(each.seconds * 1_000);
              break;
            case 'archive': {
              const { archived: moved } = await archived.archive({
                after: base,
                upTo: base + BigInt(each.upTo),
                batchSize: each.batchSize,
              });
              movedInAll += moved;
              break;
            }
            case 'archiveOld':
              oldInAll += (await archived.archive({ after: base, olderThanMs: each.olderThanMs })).archived;
              break;
          }
        }

        const filters: readonly (EventFilter | undefined)[] = [
          undefined,
          { types: ['U'] },
          { streamPrefixes: [nameOf('b')] },
        ];
        for (const filter of filters) {
          for (const direction of ['forwards', 'backwards'] as const) {
            const forwards = direction === 'forwards';
            const ours = await collect(
              archived.events.readAll({
                direction,
                filter,
                batchSize: 3,
                ...(forwards ? { after: base } : { to: base + 1n }),
              }),
            );
            const wanted = await collect(model.events.readAll({ direction, filter, batchSize: 3 }));
            expect(ours.map((event) => shown(event, base))).toEqual(wanted.map((event) => shown(event, 0n)));
          }
        }
        for (const name of streams) {
          for (const direction of ['forwards', 'backwards'] as const) {
            const ours = await collect(archived.events.readStream(nameOf(name), { direction, batchSize: 2 }));
            const wanted = await collect(model.events.readStream(nameOf(name), { direction, batchSize: 2 }));
            expect(ours.map((event) => shown(event, base))).toEqual(wanted.map((event) => shown(event, 0n)));
          }
          for (let id = 0; id < 10; id++) {
            const given = `00000000-0000-4000-8000-00000000000${id}`;
            const ours = await archived.events.findEvent(nameOf(name), given);
            const wanted = await model.events.findEvent(nameOf(name), given);
            expect(ours && shown(ours, base)).toEqual(wanted && shown(wanted, 0n));
          }
        }
      }),
      { numRuns: 100 },
    );
    expect(movedInAll).toBeGreaterThan(100);
    expect(oldInAll).toBeGreaterThan(20);
  });
});
