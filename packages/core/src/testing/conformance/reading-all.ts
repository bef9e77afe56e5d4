import assert from 'node:assert/strict';
import { InvalidArgumentError } from '../../log/errors.js';
import type { ReadAllOptions } from '../../log/event-store.js';
import type { RecordedEvent } from '../../messages/event.js';
import { refused } from './assertions.js';
import { rule, type Chapter } from './conformance.js';
import { all, numbered, numbersOf, type EventStoreTrial } from './event-store-trial.js';

/** Ten events over three streams, and where they stand. */
const spread = async (trial: EventStoreTrial): Promise<readonly bigint[]> => {
  const positions: bigint[] = [];
  for (const event of numbered(10)) {
    const { position } = await trial.store.append(trial.name(`${positions.length % 3}`), [event]);
    positions.push(position);
  }
  return positions;
};

const reads = (
  what: string,
  options: (at: (index: number) => bigint) => ReadAllOptions,
  expected: readonly number[],
) =>
  rule<EventStoreTrial>(`of events 0 to 9, ${what}`, async (trial) => {
    const positions = await spread(trial);
    const asked = options((index) => positions[index] ?? 0n);
    const filter = { streamPrefixes: [`${trial.prefix}-`] };
    const events = await all(trial.store.readAll({ ...asked, filter }), asked.batchSize);
    assert.deepEqual(numbersOf(events), expected);
    assert.deepEqual(
      events.map((event) => event.position),
      expected.map((index) => positions[index]),
    );
  });

const backwards = 'backwards' as const;
const ofTrial = (trial: EventStoreTrial, events: readonly RecordedEvent[]): readonly RecordedEvent[] =>
  events.filter((event) => event.stream.startsWith(`${trial.prefix}-`));

/** Reading the whole log. */
export const readingAll: Chapter<EventStoreTrial> = {
  name: 'reading the whole log',
  rules: [
    rule('the log holds all streams in the order of their appends, without a filter too', async (trial) => {
      const after = await trial.store.head();
      await spread(trial);
      const events = ofTrial(trial, await all(trial.store.readAll({ after })));
      assert.deepEqual(numbersOf(events), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      const reversed = ofTrial(trial, await all(trial.store.readAll({ direction: backwards, limit: 10 })));
      assert.deepEqual(reversed, events.toReversed());
    }),
    reads('all come in order', () => ({}), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    reads('all come backwards', () => ({ direction: backwards }), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
    reads('`after` leaves itself out', (at) => ({ after: at(6) }), [7, 8, 9]),
    reads('`after` backwards leaves itself out', (at) => ({ after: at(3), direction: backwards }), [2, 1, 0]),
    reads('`after` the last gives nothing', (at) => ({ after: at(9) }), []),
    reads('`after` a position that is not there yet gives nothing', (at) => ({ after: at(9) + 1000n }), []),
    reads(
      '`after` far behind the head, backwards, gives all',
      (at) => ({ after: at(9) + 1000n, direction: backwards, limit: 2 }),
      [9, 8],
    ),
    reads('`to` is the last, itself included', (at) => ({ to: at(2) }), [0, 1, 2]),
    reads(
      '`to` backwards is the last, itself included',
      (at) => ({ to: at(7), direction: backwards }),
      [9, 8, 7],
    ),
    reads('`to` beyond the head changes nothing', (at) => ({ after: at(7), to: at(9) + 1000n }), [8, 9]),
    reads('a stretch has its end but not its beginning', (at) => ({ after: at(2), to: at(5) }), [3, 4, 5]),
    reads(
      'a stretch can be read backwards',
      (at) => ({ after: at(5), to: at(2), direction: backwards }),
      [4, 3, 2],
    ),
    reads('`to` before `after` gives nothing', (at) => ({ after: at(5), to: at(2) }), []),
    reads('`limit` is the most', (at) => ({ after: at(0), limit: 3 }), [1, 2, 3]),
    reads('`limit` is the most, backwards', () => ({ limit: 3, direction: backwards }), [9, 8, 7]),
    reads('`limit` 0 gives nothing', () => ({ limit: 0 }), []),
    reads('batches of 3 give all', () => ({ batchSize: 3 }), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    reads(
      '`limit` goes over batches, backwards too',
      () => ({ batchSize: 2, limit: 5, direction: backwards }),
      [9, 8, 7, 6, 5],
    ),
    rule(
      'reading page by page, each after the last position of the one before, gives all once',
      async (trial) => {
        const start = await trial.store.head();
        await spread(trial);
        const seen: unknown[] = [];
        let after = start;
        for (let pages = 0; pages < 10; pages++) {
          const filter = { streamPrefixes: [`${trial.prefix}-`] };
          const page = await all(trial.store.readAll({ after, limit: 3, filter }));
          const last = page.at(-1);
          if (last === undefined) break;
          seen.push(...numbersOf(page));
          after = last.position;
        }
        assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      },
    ),
    rule('the log and the stream show the same event', async (trial) => {
      await trial.store.append(trial.name(), [
        { type: 'Counted', data: { n: 1 }, metadata: { userId: 'u' } },
      ]);
      const filter = { streamPrefixes: [trial.name()] };
      assert.deepEqual(
        await all(trial.store.readAll({ filter })),
        await all(trial.store.readStream(trial.name())),
      );
    }),
    rule('read your writes: the head is never behind an append that was answered', async (trial) => {
      for (let round = 0; round < 10; round++) {
        const { position } = await trial.store.append(trial.name(), numbered(1, round));
        assert.ok((await trial.store.head()) >= position);
        const [last] = await all(trial.store.readAll({ direction: backwards, limit: 1 }));
        assert.ok((last?.position ?? 0n) >= position);
      }
    }),
    rule('the head stays where it is while nothing is appended', async (trial) => {
      const { position } = await trial.store.append(trial.name(), numbered(1));
      const head = await trial.store.head();
      await all(trial.store.readAll({ after: position }));
      assert.ok((await trial.store.head()) >= head);
    }),
    rule('an aborted read fails with the reason', async (trial) => {
      await spread(trial);
      const reason = new Error('enough');
      await assert.rejects(
        all(trial.store.readAll({ signal: AbortSignal.abort(reason) })),
        (error) => error === reason,
      );
    }),
    rule('bad options are refused', async (trial) => {
      for (const options of [{ limit: -1 }, { limit: 1.5 }, { batchSize: 0 }]) {
        await refused(InvalidArgumentError, () => all(trial.store.readAll(options)));
      }
    }),
  ],
};
