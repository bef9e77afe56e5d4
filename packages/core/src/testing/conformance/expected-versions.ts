import assert from 'node:assert/strict';
import type { ExpectedVersion } from '../../log/event-store.js';
import { conflicts } from './assertions.js';
import { rule, type Chapter } from './conformance.js';
import { all, numbered, numbersOf, type EventStoreTrial } from './event-store-trial.js';

const holdsForNew: readonly ExpectedVersion[] = [-1, 'no-stream', 'any'];
const refusedForNew: readonly ExpectedVersion[] = [0, 1, 7, 'stream-exists'];
const holdsForThree: readonly ExpectedVersion[] = [2, 'stream-exists', 'any'];
const refusedForThree: readonly ExpectedVersion[] = [-1, 0, 1, 3, 99, 'no-stream'];

/** What each expected version means, alone. */
export const expectedVersions: Chapter<EventStoreTrial> = {
  name: 'expected versions',
  rules: [
    ...holdsForNew.map((expectedVersion) =>
      rule<EventStoreTrial>(`a new stream is begun with ${String(expectedVersion)}`, async (trial) => {
        const stream = trial.name();
        const result = await trial.store.append(stream, numbered(2), { expectedVersion });
        assert.equal(result.stream, stream);
        assert.equal(result.version, 1);
        assert.equal(result.alreadyAppended, false);
        assert.deepEqual(numbersOf(await all(trial.store.readStream(stream))), [0, 1]);
      }),
    ),
    ...refusedForNew.map((expectedVersion) =>
      rule<EventStoreTrial>(
        `pitfall 1: a stream that does not exist is refused with ${String(expectedVersion)}`,
        async (trial) => {
          const stream = trial.name();
          await conflicts(stream, expectedVersion, undefined, () =>
            trial.store.append(stream, numbered(1), { expectedVersion }),
          );
          assert.equal(await trial.store.streamVersion(stream), undefined);
        },
      ),
    ),
    ...holdsForThree.map((expectedVersion) =>
      rule<EventStoreTrial>(
        `a stream at version 2 goes on with ${String(expectedVersion)}`,
        async (trial) => {
          const stream = trial.name();
          await trial.fill(stream, 3);
          const result = await trial.store.append(stream, numbered(2, 3), { expectedVersion });
          assert.equal(result.version, 4);
          assert.deepEqual(numbersOf(await all(trial.store.readStream(stream))), [0, 1, 2, 3, 4]);
        },
      ),
    ),
    ...refusedForThree.map((expectedVersion) =>
      rule<EventStoreTrial>(
        `pitfall 1: a stream at version 2 refuses ${String(expectedVersion)}, and says where it is`,
        async (trial) => {
          const stream = trial.name();
          await trial.fill(stream, 3);
          await conflicts(stream, expectedVersion, 2, () =>
            trial.store.append(stream, numbered(1, 3), { expectedVersion }),
          );
          assert.equal(await trial.store.streamVersion(stream), 2);
        },
      ),
    ),
    rule('without an expected version anything goes', async (trial) => {
      const stream = trial.name();
      await trial.store.append(stream, numbered(1));
      const result = await trial.store.append(stream, numbered(1, 1));
      assert.equal(result.version, 1);
    }),
    rule('a refused append leaves no trace in the whole log', async (trial) => {
      const stream = trial.name();
      const before = await trial.store.head();
      await conflicts(stream, 5, undefined, () =>
        trial.store.append(stream, numbered(3), { expectedVersion: 5 }),
      );
      const options = { after: before, filter: { streamPrefixes: [stream] } };
      assert.deepEqual(await all(trial.store.readAll(options)), []);
    }),
    rule('the version of a stream is that of its last event', async (trial) => {
      const stream = trial.name();
      assert.equal(await trial.store.streamVersion(stream), undefined);
      await trial.fill(stream, 1);
      assert.equal(await trial.store.streamVersion(stream), 0);
      await trial.fill(stream, 4, 1);
      assert.equal(await trial.store.streamVersion(stream), 4);
    }),
  ],
};
