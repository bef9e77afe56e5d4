import assert from 'node:assert/strict';
import { InvalidArgumentError, UnsupportedError } from '../../log/errors.js';
import type { StreamAppend } from '../../log/event-store.js';
import { SerializationError } from '../../schema/errors.js';
import { conflicts, refused } from './assertions.js';
import { rule, type Chapter, type Rule } from './conformance.js';
import { all, identified, numbered, numbersOf, type EventStoreTrial } from './event-store-trial.js';

/** A rule for stores that have the capability; of the others it asks that they say no. */
const whereAtomic = (
  name: string,
  attempt: (trial: EventStoreTrial) => Promise<void>,
): Rule<EventStoreTrial> =>
  rule(name, async (trial) => {
    if (trial.store.capabilities.multiStreamAppend) return attempt(trial);
    const appends = ['a', 'b'].map((label) => ({ stream: trial.name(label), events: numbered(1) }));
    await refused(UnsupportedError, () => trial.store.appendAll(appends));
    assert.equal(await trial.store.streamVersion(trial.name('a')), undefined);
  });

const nothingWritten = async (trial: EventStoreTrial, ...labels: readonly string[]): Promise<void> => {
  for (const label of labels) assert.equal(await trial.store.streamVersion(trial.name(label)), undefined);
};

/** Atomic appends. */
export const appendingToSeveral: Chapter<EventStoreTrial> = {
  name: 'appending to several streams',
  rules: [
    rule('appendAll with one stream is an append', async (trial) => {
      const stream = trial.name();
      const results = await trial.store.appendAll([{ stream, events: numbered(2), expectedVersion: -1 }]);
      assert.deepEqual(
        results.map(({ version, alreadyAppended }) => ({ version, alreadyAppended })),
        [{ version: 1, alreadyAppended: false }],
      );
      await conflicts(stream, -1, 1, () =>
        trial.store.appendAll([{ stream, events: numbered(1), expectedVersion: -1 }]),
      );
    }),
    whereAtomic('several streams are written together, and answered in the order given', async (trial) => {
      await trial.fill(trial.name('b'), 2, 10);
      const results = await trial.store.appendAll([
        { stream: trial.name('c'), events: numbered(1), expectedVersion: 'no-stream' },
        { stream: trial.name('a'), events: numbered(3), expectedVersion: -1 },
        { stream: trial.name('b'), events: numbered(1, 12), expectedVersion: 1 },
      ]);
      assert.deepEqual(
        results.map(({ stream, version }) => ({ stream, version })),
        [
          { stream: trial.name('c'), version: 0 },
          { stream: trial.name('a'), version: 2 },
          { stream: trial.name('b'), version: 2 },
        ],
      );
      for (const { stream, position } of results) {
        const [last] = await all(trial.store.readStream(stream, { direction: 'backwards', limit: 1 }));
        assert.equal(last?.position, position);
      }
      assert.deepEqual(numbersOf(await all(trial.store.readStream(trial.name('b')))), [10, 11, 12]);
    }),
    whereAtomic('one conflict keeps all of them out, wherever it stands', async (trial) => {
      for (const culprit of [0, 1, 2]) {
        const appends = ['a', 'b', 'c'].map(
          (label, index): StreamAppend => ({
            stream: trial.name(label),
            events: numbered(2),
            expectedVersion: index === culprit ? 4 : 'any',
          }),
        );
        await conflicts(appends[culprit]?.stream ?? '', 4, undefined, () => trial.store.appendAll(appends));
        await nothingWritten(trial, 'a', 'b', 'c');
      }
    }),
    whereAtomic('one event that cannot be written keeps all of them out', async (trial) => {
      await refused(SerializationError, () =>
        trial.store.appendAll([
          { stream: trial.name('a'), events: numbered(1) },
          { stream: trial.name('b'), events: [{ type: 'Counted', data: undefined }] },
        ]),
      );
      await nothingWritten(trial, 'a', 'b');
    }),
    whereAtomic('a repeated atomic append is answered as the first time', async (trial) => {
      const appends = ['a', 'b'].map((label) => ({
        stream: trial.name(label),
        events: identified(2),
        expectedVersion: 'no-stream' as const,
      }));
      const first = await trial.store.appendAll(appends);
      const second = await trial.store.appendAll(appends);
      assert.deepEqual(
        second.map(({ version, position, alreadyAppended }) => ({ version, position, alreadyAppended })),
        first.map(({ version, position }) => ({ version, position, alreadyAppended: true })),
      );
    }),
    whereAtomic(
      'pitfall 14: writers that cross over the same streams neither block nor both win',
      async (trial) => {
        const second = await trial.second();
        for (let round = 0; round < 10; round++) {
          const labels = [`${round}-a`, `${round}-b`];
          const crossing = (reversed: boolean): StreamAppend[] => {
            const appends = labels.map((label) => ({
              stream: trial.name(label),
              events: numbered(1),
              expectedVersion: 'no-stream' as const,
            }));
            return reversed ? appends.toReversed() : appends;
          };
          const outcomes = await Promise.allSettled([
            trial.store.appendAll(crossing(false)),
            second.appendAll(crossing(true)),
          ]);
          assert.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1);
          for (const label of labels) assert.equal(await trial.store.streamVersion(trial.name(label)), 0);
        }
      },
    ),
    rule('an atomic append to nothing is refused', async (trial) => {
      await refused(InvalidArgumentError, () => trial.store.appendAll([]));
    }),
    rule('a stream that occurs twice is refused', async (trial) => {
      const append = { stream: trial.name(), events: numbered(1) };
      await refused(InvalidArgumentError, () => trial.store.appendAll([append, append]));
      await nothingWritten(trial, 'a');
    }),
  ],
};
