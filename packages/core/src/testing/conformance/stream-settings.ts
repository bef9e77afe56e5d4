import assert from 'node:assert/strict';
import { InvalidArgumentError } from '../../log/errors.js';
import type { StreamMetadata } from '../../log/event-store.js';
import { refused } from './assertions.js';
import { rule, type Chapter } from './conformance.js';
import { all, answerOf, identified, numbered, numbersOf, type EventStoreTrial } from './event-store-trial.js';

const limits = (what: string, settings: StreamMetadata, expected: readonly number[]) =>
  rule<EventStoreTrial>(`of versions 0 to 9, ${what}`, async (trial) => {
    const stream = trial.name();
    await trial.fill(stream, 10);
    await trial.store.setStreamMetadata(stream, settings);
    assert.deepEqual(numbersOf(await all(trial.store.readStream(stream))), expected);
    const backwards = await all(trial.store.readStream(stream, { direction: 'backwards', batchSize: 2 }), 2);
    assert.deepEqual(numbersOf(backwards), expected.toReversed(), 'the same, backwards');
    assert.equal(await trial.store.streamVersion(stream), 9, 'the version does not change');
    const whole = await all(trial.store.readAll({ filter: { streamPrefixes: [stream] } }));
    assert.equal(whole.length, 10, 'the whole log keeps them');
  });

/** The settings of a stream: what is still read of it. */
export const streamSettings: Chapter<EventStoreTrial> = {
  name: 'settings of a stream',
  rules: [
    rule('a stream has none at first, also when it does not exist', async (trial) => {
      assert.deepEqual(await trial.store.getStreamMetadata(trial.name()), {});
      await trial.fill(trial.name(), 1);
      assert.deepEqual(await trial.store.getStreamMetadata(trial.name()), {});
    }),
    rule('all settings come back, and new ones replace them', async (trial) => {
      const settings: StreamMetadata = {
        maxAge: 3600,
        maxCount: 100,
        truncateBefore: 5,
        cacheControl: 10,
        acl: { $r: ['a', 'b'] },
        custom: { owner: 'me', tags: ['x'], nested: { '\u0000': '😀' } },
      };
      await trial.store.setStreamMetadata(trial.name(), settings);
      assert.deepEqual(await trial.store.getStreamMetadata(trial.name()), settings);
      await trial.store.setStreamMetadata(trial.name(), { maxCount: 7 });
      assert.deepEqual(await trial.store.getStreamMetadata(trial.name()), { maxCount: 7 });
      await trial.store.setStreamMetadata(trial.name(), {});
      assert.deepEqual(await trial.store.getStreamMetadata(trial.name()), {});
    }),
    limits('`maxCount` 3 leaves the newest 3', { maxCount: 3 }, [7, 8, 9]),
    limits('`maxCount` 100 leaves all', { maxCount: 100 }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    limits('`truncateBefore` 8 leaves 8 and later', { truncateBefore: 8 }, [8, 9]),
    limits('`truncateBefore` 0 leaves all', { truncateBefore: 0 }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    limits('`truncateBefore` beyond the end leaves nothing', { truncateBefore: 50 }, []),
    limits(
      'the narrower of `maxCount` and `truncateBefore` counts',
      { maxCount: 5, truncateBefore: 7 },
      [7, 8, 9],
    ),
    limits('the narrower counts the other way round too', { maxCount: 2, truncateBefore: 3 }, [8, 9]),
    limits('`maxAge` of an hour leaves all that are new', { maxAge: 3600 }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    rule('`maxAge` hides what is older, in seconds', async (trial) => {
      const stream = trial.name();
      await trial.fill(stream, 2);
      await trial.store.setStreamMetadata(stream, { maxAge: 1 });
      await trial.elapse(1_100);
      await trial.fill(stream, 1, 2);
      assert.deepEqual(numbersOf(await all(trial.store.readStream(stream))), [2]);
      await trial.store.setStreamMetadata(stream, {});
      assert.deepEqual(numbersOf(await all(trial.store.readStream(stream))), [0, 1, 2]);
    }),
    rule('`maxCount` moves on with the stream', async (trial) => {
      const stream = trial.name();
      await trial.store.setStreamMetadata(stream, { maxCount: 2 });
      await trial.fill(stream, 2);
      assert.deepEqual(numbersOf(await all(trial.store.readStream(stream))), [0, 1]);
      await trial.fill(stream, 2, 2);
      assert.deepEqual(numbersOf(await all(trial.store.readStream(stream))), [2, 3]);
    }),
    rule('`from`, `to` and `limit` go by what is left', async (trial) => {
      const stream = trial.name();
      await trial.fill(stream, 10);
      await trial.store.setStreamMetadata(stream, { truncateBefore: 4 });
      assert.deepEqual(numbersOf(await all(trial.store.readStream(stream, { from: 2, limit: 2 }))), [4, 5]);
      assert.deepEqual(numbersOf(await all(trial.store.readStream(stream, { to: 5 }))), [4, 5]);
      const options = { direction: 'backwards', from: 5 } as const;
      assert.deepEqual(numbersOf(await all(trial.store.readStream(stream, options))), [5, 4]);
    }),
    rule('what is truncated is still found by its id, and still answers a repeated append', async (trial) => {
      const stream = trial.name();
      const events = identified(2);
      const first = await trial.store.append(stream, events, { expectedVersion: 'no-stream' });
      await trial.fill(stream, 2, 2);
      await trial.store.setStreamMetadata(stream, { truncateBefore: 3 });
      assert.equal((await trial.store.findEvent(stream, events[0]?.id ?? ''))?.version, 0);
      const again = await trial.store.append(stream, events, { expectedVersion: 'no-stream' });
      assert.deepEqual(answerOf(again), answerOf({ ...first, alreadyAppended: true }));
    }),
    rule('an append to a stream of which nothing is left goes on with its version', async (trial) => {
      const stream = trial.name();
      await trial.fill(stream, 3);
      await trial.store.setStreamMetadata(stream, { truncateBefore: 3 });
      const result = await trial.store.append(stream, numbered(1, 3), { expectedVersion: 2 });
      assert.equal(result.version, 3);
      assert.deepEqual(numbersOf(await all(trial.store.readStream(stream))), [3]);
    }),
    rule('settings neither make a stream exist nor stop one from being begun', async (trial) => {
      const stream = trial.name();
      await trial.store.setStreamMetadata(stream, { maxCount: 5 });
      assert.equal(await trial.store.streamVersion(stream), undefined);
      const result = await trial.store.append(stream, numbered(1), { expectedVersion: 'no-stream' });
      assert.equal(result.version, 0);
    }),
    rule('settings outlive a soft delete', async (trial) => {
      const stream = trial.name();
      await trial.fill(stream, 2);
      await trial.store.setStreamMetadata(stream, { maxCount: 2 });
      await trial.store.deleteStream(stream);
      assert.deepEqual(await trial.store.getStreamMetadata(stream), { maxCount: 2 });
      await trial.fill(stream, 3, 2);
      assert.deepEqual(numbersOf(await all(trial.store.readStream(stream))), [3, 4]);
    }),
    rule('values that make no sense are refused, and what was set stays', async (trial) => {
      const stream = trial.name();
      await trial.store.setStreamMetadata(stream, { maxCount: 5 });
      for (const settings of [{ maxCount: 0 }, { maxAge: 0 }, { truncateBefore: -1 }, { maxCount: 1.5 }]) {
        await refused(InvalidArgumentError, () => trial.store.setStreamMetadata(stream, settings));
      }
      assert.deepEqual(await trial.store.getStreamMetadata(stream), { maxCount: 5 });
    }),
  ],
};
