import assert from 'node:assert/strict';
import { InvalidArgumentError } from '../../log/errors.js';
import type { ReadStreamOptions } from '../../log/event-store.js';
import { refused } from './assertions.js';
import { rule, type Chapter } from './conformance.js';
import { all, numbersOf, type EventStoreTrial } from './event-store-trial.js';

const reads = (what: string, options: ReadStreamOptions, expected: readonly number[]) =>
  rule<EventStoreTrial>(`of versions 0 to 9, ${what}`, async (trial) => {
    await trial.fill(trial.name(), 10);
    const events = await all(trial.store.readStream(trial.name(), options), options.batchSize);
    assert.deepEqual(numbersOf(events), expected);
    assert.deepEqual(
      events.map((event) => event.version),
      expected,
    );
  });

const refusesOption = (what: string, options: ReadStreamOptions) =>
  rule<EventStoreTrial>(`${what} is refused`, async (trial) => {
    await refused(InvalidArgumentError, () => all(trial.store.readStream(trial.name(), options)));
  });

const backwards = 'backwards' as const;

/** Reading one stream. */
export const readingStreams: Chapter<EventStoreTrial> = {
  name: 'reading a stream',
  rules: [
    rule('a stream that does not exist has no events and no batches', async (trial) => {
      for (const direction of ['forwards', backwards] as const) {
        assert.deepEqual(await all(trial.store.readStream(trial.name(), { direction })), []);
      }
    }),
    rule('a stream holds only its own events, also beside one whose name it begins with', async (trial) => {
      await trial.fill(trial.name('a'), 2);
      await trial.fill(trial.name('ab'), 2, 10);
      assert.deepEqual(numbersOf(await all(trial.store.readStream(trial.name('a')))), [0, 1]);
    }),
    reads('all come in order', {}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    reads('all come backwards', { direction: backwards }, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
    reads('`from` is the first, itself included', { from: 7 }, [7, 8, 9]),
    reads('`from` backwards is the first, itself included', { from: 2, direction: backwards }, [2, 1, 0]),
    reads('`from` beyond the end gives nothing', { from: 10 }, []),
    reads('`from` beyond the end backwards gives all', { from: 99, direction: backwards, limit: 2 }, [9, 8]),
    reads('`to` is the last, itself included', { to: 2 }, [0, 1, 2]),
    reads('`to` backwards is the last, itself included', { to: 8, direction: backwards }, [9, 8]),
    reads('`to` beyond the end changes nothing', { from: 8, to: 99 }, [8, 9]),
    reads('`to` -1 gives nothing, as for a new aggregate', { to: -1 }, []),
    reads('`from` and `to` can meet', { from: 4, to: 4 }, [4]),
    reads('`to` before `from` gives nothing', { from: 5, to: 4 }, []),
    reads('`to` behind `from` gives nothing backwards', { from: 4, to: 5, direction: backwards }, []),
    reads('`limit` is the most', { from: 1, limit: 3 }, [1, 2, 3]),
    reads('`limit` is the most, backwards', { limit: 3, direction: backwards }, [9, 8, 7]),
    reads('`limit` 0 gives nothing', { limit: 0 }, []),
    reads('batches of 3 give all', { batchSize: 3 }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    reads('batches of 5, which divides 10, give all', { batchSize: 5 }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    reads('batches of 1 give all backwards', { batchSize: 1, direction: backwards, to: 7 }, [9, 8, 7]),
    reads('`limit` goes over batches', { batchSize: 2, limit: 5, from: 1 }, [1, 2, 3, 4, 5]),
    rule('a read can be left half-way', async (trial) => {
      await trial.fill(trial.name(), 10);
      for await (const batch of trial.store.readStream(trial.name(), { batchSize: 2 })) {
        assert.equal(batch.length, 2);
        break;
      }
      await trial.fill(trial.name(), 1, 10);
      assert.equal((await all(trial.store.readStream(trial.name()))).length, 11);
    }),
    rule('many reads can go on side by side', async (trial) => {
      await trial.fill(trial.name(), 20);
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, from) =>
          all(trial.store.readStream(trial.name(), { from, batchSize: 3 })),
        ),
      );
      assert.deepEqual(
        results.map((events) => events.length),
        Array.from({ length: 20 }, (_, from) => 20 - from),
      );
    }),
    rule('an aborted read fails with the reason: it must not look whole', async (trial) => {
      await trial.fill(trial.name(), 10);
      const reason = new Error('enough');
      await assert.rejects(
        all(trial.store.readStream(trial.name(), { signal: AbortSignal.abort(reason) })),
        (error) => error === reason,
      );
      const controller = new AbortController();
      const seen: number[] = [];
      const reading = async (): Promise<void> => {
        const options = { batchSize: 2, signal: controller.signal };
        for await (const batch of trial.store.readStream(trial.name(), options)) {
          seen.push(batch.length);
          controller.abort(reason);
        }
      };
      await assert.rejects(reading(), (error) => error === reason);
      assert.deepEqual(seen, [2]);
    }),
    refusesOption('a `from` below 0', { from: -1 }),
    refusesOption('a `from` with a fraction', { from: 0.5 }),
    refusesOption('a negative `limit`', { limit: -1 }),
    refusesOption('a `batchSize` of 0', { batchSize: 0 }),
  ],
};
