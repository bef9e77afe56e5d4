import assert from 'node:assert/strict';
import { newId } from '../../messages/ids.js';
import { InvalidArgumentError, StreamTombstonedError } from '../../log/errors.js';
import type { ExpectedVersion } from '../../log/event-store.js';
import { conflicts, refused } from './assertions.js';
import { rule, type Chapter } from './conformance.js';
import { all, answerOf, identified, numbered, numbersOf, type EventStoreTrial } from './event-store-trial.js';

/** A stream that had the events 0 to 2 and was soft-deleted. */
const deleted = async (trial: EventStoreTrial): Promise<string> => {
  const stream = trial.name();
  await trial.fill(stream, 3);
  await trial.store.deleteStream(stream);
  return stream;
};

const begunAnew = (expectedVersion: ExpectedVersion) =>
  rule<EventStoreTrial>(
    `a soft-deleted stream is begun anew with ${String(expectedVersion)}, its versions going on`,
    async (trial) => {
      const stream = await deleted(trial);
      const result = await trial.store.append(stream, numbered(2, 3), { expectedVersion });
      assert.equal(result.version, 4);
      assert.equal(await trial.store.streamVersion(stream), 4);
      assert.deepEqual(numbersOf(await all(trial.store.readStream(stream))), [3, 4]);
      const backwards = { direction: 'backwards', from: 99 } as const;
      assert.deepEqual(numbersOf(await all(trial.store.readStream(stream, backwards))), [4, 3]);
      assert.deepEqual(numbersOf(await all(trial.store.readStream(stream, { from: 0, to: 3 }))), [3]);
    },
  );

const notBegunAnew = (expectedVersion: ExpectedVersion) =>
  rule<EventStoreTrial>(
    `pitfall 1: a soft-deleted stream refuses ${String(expectedVersion)}, as if it had never been`,
    async (trial) => {
      const stream = await deleted(trial);
      await conflicts(stream, expectedVersion, undefined, () =>
        trial.store.append(stream, numbered(1), { expectedVersion }),
      );
    },
  );

const ofTombstoned = (what: string, attempt: (trial: EventStoreTrial, stream: string) => Promise<unknown>) =>
  rule<EventStoreTrial>(`of a tombstoned stream, ${what} is refused`, async (trial) => {
    await trial.fill(trial.name(), 1);
    await trial.store.tombstoneStream(trial.name());
    const error = await refused(StreamTombstonedError, () => attempt(trial, trial.name()));
    assert.equal(error.stream, trial.name());
  });

/** Soft deletes and tombstones. */
export const deletion: Chapter<EventStoreTrial> = {
  name: 'deleting streams',
  rules: [
    rule('a soft-deleted stream reads as empty and has no version', async (trial) => {
      const stream = await deleted(trial);
      assert.deepEqual(await all(trial.store.readStream(stream)), []);
      assert.deepEqual(await all(trial.store.readStream(stream, { direction: 'backwards' })), []);
      assert.equal(await trial.store.streamVersion(stream), undefined);
    }),
    rule('its events stay in the whole log, and are found by their ids', async (trial) => {
      const stream = trial.name();
      const id = newId();
      await trial.store.append(stream, [{ id, type: 'Counted', data: { n: 0 } }]);
      await trial.store.deleteStream(stream);
      const filter = { streamPrefixes: [stream] };
      assert.deepEqual(numbersOf(await all(trial.store.readAll({ filter }))), [0]);
      assert.equal((await trial.store.findEvent(stream, id))?.version, 0);
    }),
    begunAnew('no-stream'),
    begunAnew(-1),
    begunAnew('any'),
    notBegunAnew('stream-exists'),
    notBegunAnew(2),
    notBegunAnew(0),
    rule('begun anew, it is a stream like any other, and can be deleted again', async (trial) => {
      const stream = await deleted(trial);
      await trial.store.append(stream, numbered(1, 3), { expectedVersion: 'no-stream' });
      await conflicts(stream, 'no-stream', 3, () =>
        trial.store.append(stream, numbered(1), { expectedVersion: 'no-stream' }),
      );
      await trial.store.append(stream, numbered(1, 4), { expectedVersion: 3 });
      await trial.store.deleteStream(stream, { expectedVersion: 4 });
      assert.deepEqual(await all(trial.store.readStream(stream)), []);
      await trial.store.append(stream, numbered(1, 5), { expectedVersion: 'no-stream' });
      assert.deepEqual(numbersOf(await all(trial.store.readStream(stream))), [5]);
    }),
    rule('the append that began it anew, repeated, is answered as the first time', async (trial) => {
      const stream = await deleted(trial);
      const events = identified(2, 3);
      const first = await trial.store.append(stream, events, { expectedVersion: 'no-stream' });
      const second = await trial.store.append(stream, events, { expectedVersion: 'no-stream' });
      assert.deepEqual(answerOf(second), answerOf({ ...first, alreadyAppended: true }));
    }),
    rule('an append from before the deletion, repeated, does not bring the stream back', async (trial) => {
      const stream = trial.name();
      const events = identified(1);
      const first = await trial.store.append(stream, events, { expectedVersion: 'no-stream' });
      await trial.store.deleteStream(stream);
      const second = await trial.store.append(stream, events, { expectedVersion: 'no-stream' });
      assert.deepEqual(answerOf(second), answerOf({ ...first, alreadyAppended: true }));
      assert.equal(await trial.store.streamVersion(stream), undefined);
    }),
    rule('of 10 writers that begin a deleted stream anew, exactly one wins', async (trial) => {
      const second = await trial.second();
      const stream = await deleted(trial);
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, writer) =>
          (writer % 2 === 0 ? trial.store : second).append(stream, numbered(1, writer), {
            expectedVersion: 'no-stream',
          }),
        ),
      );
      assert.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1);
      assert.equal(await trial.store.streamVersion(stream), 3);
    }),
    rule('deleting checks the expected version', async (trial) => {
      const stream = trial.name();
      await trial.fill(stream, 3);
      await conflicts(stream, 1, 2, () => trial.store.deleteStream(stream, { expectedVersion: 1 }));
      await conflicts(stream, 'no-stream', 2, () =>
        trial.store.deleteStream(stream, { expectedVersion: 'no-stream' }),
      );
      assert.equal(await trial.store.streamVersion(stream), 2);
      await trial.store.deleteStream(stream, { expectedVersion: 2 });
      assert.equal(await trial.store.streamVersion(stream), undefined);
    }),
    rule(
      'deleting what does not exist does nothing with "any", and is refused with "stream-exists"',
      async (trial) => {
        const stream = trial.name();
        await trial.store.deleteStream(stream);
        await conflicts(stream, 'stream-exists', undefined, () =>
          trial.store.deleteStream(stream, { expectedVersion: 'stream-exists' }),
        );
        const result = await trial.store.append(stream, numbered(1), { expectedVersion: 'no-stream' });
        assert.equal(result.version, 0);
      },
    ),
    rule('deleting a stream leaves one whose name it begins with alone', async (trial) => {
      await trial.fill(trial.name('a'), 1);
      await trial.fill(trial.name('ab'), 1);
      await trial.store.deleteStream(trial.name('a'));
      assert.equal(await trial.store.streamVersion(trial.name('ab')), 0);
    }),
    ofTombstoned('an append', (trial, stream) => trial.store.append(stream, numbered(1))),
    ofTombstoned('an append with "no-stream"', (trial, stream) =>
      trial.store.append(stream, numbered(1), { expectedVersion: 'no-stream' }),
    ),
    ofTombstoned('a read', (trial, stream) => all(trial.store.readStream(stream))),
    ofTombstoned('the version', (trial, stream) => trial.store.streamVersion(stream)),
    ofTombstoned('finding an event', (trial, stream) => trial.store.findEvent(stream, newId())),
    ofTombstoned('reading the settings', (trial, stream) => trial.store.getStreamMetadata(stream)),
    ofTombstoned('changing the settings', (trial, stream) =>
      trial.store.setStreamMetadata(stream, { maxCount: 1 }),
    ),
    ofTombstoned('a soft delete', (trial, stream) => trial.store.deleteStream(stream)),
    ofTombstoned('another tombstone', (trial, stream) => trial.store.tombstoneStream(stream)),
    rule('the events of a tombstoned stream stay in the whole log and in subscriptions', async (trial) => {
      const after = await trial.store.head();
      await trial.fill(trial.name(), 2);
      await trial.store.tombstoneStream(trial.name());
      const filter = { streamPrefixes: [trial.name()] };
      assert.deepEqual(numbersOf(await all(trial.store.readAll({ filter }))), [0, 1]);
      assert.deepEqual(numbersOf(await trial.subscribe({ after, filter }).untilEvents(2)), [0, 1]);
    }),
    rule('tombstoning checks the expected version', async (trial) => {
      const stream = trial.name();
      await trial.fill(stream, 2);
      await conflicts(stream, 0, 1, () => trial.store.tombstoneStream(stream, { expectedVersion: 0 }));
      assert.equal(await trial.store.streamVersion(stream), 1);
      await trial.store.tombstoneStream(stream, { expectedVersion: 1 });
      await refused(StreamTombstonedError, () => trial.store.streamVersion(stream));
    }),
    rule('a name that was never used, and one soft-deleted, can be tombstoned', async (trial) => {
      const stream = await deleted(trial);
      for (const name of [stream, trial.name('never')]) {
        await trial.store.tombstoneStream(name);
        await refused(StreamTombstonedError, () => trial.store.append(name, numbered(1)));
      }
    }),
    rule('reserved and empty names are refused', async (trial) => {
      for (const stream of ['', '$all']) {
        await refused(InvalidArgumentError, () => trial.store.deleteStream(stream));
        await refused(InvalidArgumentError, () => trial.store.tombstoneStream(stream));
      }
    }),
  ],
};
