import assert from 'node:assert/strict';
import { newId } from '../../messages/ids.js';
import { TransactionError } from '../../backend/transaction.js';
import { ConcurrencyError, UnsupportedError } from '../../log/errors.js';
import { refused } from './assertions.js';
import type { BackendTrial } from './backend-trial.js';
import { rule, type Chapter, type Rule } from './conformance.js';
import { Follower, all, answerOf, numbered, numbersOf } from './event-store-trial.js';

const failure = new Error('the work failed');

/** A rule for backends whose appends can join a transaction; of the others it asks that they say no. */
const whereJoined = (name: string, attempt: (trial: BackendTrial) => Promise<void>): Rule<BackendTrial> =>
  rule(name, async (trial) => {
    if (trial.backend.events.capabilities.transactionalAppend) return attempt(trial);
    await refused(UnsupportedError, () =>
      trial.backend.transaction((tx) => tx.append([{ stream: trial.name(), events: numbered(1) }])),
    );
    assert.equal(await trial.backend.events.streamVersion(trial.name()), undefined);
  });

/** Appends that join a transaction. */
export const transactionalAppends: Chapter<BackendTrial> = {
  name: 'appends in a transaction',
  rules: [
    whereJoined('events and documents are there together', async (trial) => {
      const collection = await trial.collection();
      const [result] = await trial.backend.transaction(async (tx) => {
        await tx.documents.write(collection, [{ key: 'a', document: 1 }]);
        return tx.append([{ stream: trial.name(), events: numbered(2), expectedVersion: 'no-stream' }]);
      });
      assert.ok(result);
      assert.equal(result.version, 1);
      const events = await all(trial.backend.events.readStream(trial.name()));
      assert.deepEqual(numbersOf(events), [0, 1]);
      assert.equal(events[1]?.position, result.position);
      assert.ok((await trial.backend.events.head()) >= result.position);
      assert.equal(await trial.backend.documents.count(collection), 1);
    }),
    whereJoined(
      'rolled back, they were never there: not in the stream, the log or a subscription',
      async (trial) => {
        const { events } = trial.backend;
        const after = await events.head();
        const follower = new Follower(events.subscribe({ after }), 10_000);
        const id = newId();
        const attempt = trial.backend.transaction(async (tx) => {
          await tx.append([{ stream: trial.name(), events: [{ id, type: 'Counted', data: { n: 0 } }] }]);
          throw failure;
        });
        await assert.rejects(attempt, (error) => error === failure);
        assert.equal(await events.streamVersion(trial.name()), undefined);
        assert.equal(await events.findEvent(trial.name(), id), undefined);
        await events.append(trial.name(), numbered(1, 7), { expectedVersion: 'no-stream' });
        assert.deepEqual(numbersOf(await follower.untilEvents(1)), [7]);
        await follower.close();
        const filter = { streamPrefixes: [trial.name()] };
        assert.deepEqual(numbersOf(await all(events.readAll({ after, filter }))), [7]);
        const again = await events.append(trial.name('b'), [{ id, type: 'Counted', data: { n: 0 } }]);
        assert.equal(again.alreadyAppended, false);
      },
    ),
    whereJoined('a later append of a transaction builds on its earlier ones', async (trial) => {
      await trial.backend.events.append(trial.name(), numbered(1));
      await trial.backend.transaction(async (tx) => {
        const stream = trial.name();
        const event = { id: newId(), type: 'Counted', data: { n: 1 } };
        const [first] = await tx.append([{ stream, events: [event], expectedVersion: 0 }]);
        const [again] = await tx.append([{ stream, events: [event], expectedVersion: 0 }]);
        assert.ok(first);
        assert.ok(again);
        assert.deepEqual(answerOf(again), answerOf({ ...first, alreadyAppended: true }));
        await tx.append([{ stream, events: numbered(1, 2), expectedVersion: 1 }]);
      });
      const events = await all(trial.backend.events.readStream(trial.name()));
      assert.deepEqual(numbersOf(events), [0, 1, 2]);
      assert.deepEqual(
        events.map(({ version }) => version),
        [0, 1, 2],
      );
    }),
    whereJoined('pitfall 1: a conflict rolls back the documents, and names the stream', async (trial) => {
      const collection = await trial.collection();
      await trial.backend.events.append(trial.name(), numbered(1));
      const error = await refused(ConcurrencyError, () =>
        trial.backend.transaction(async (tx) => {
          await tx.documents.write(collection, [{ key: 'a', document: 1 }]);
          await tx.append([{ stream: trial.name(), events: numbered(1), expectedVersion: 'no-stream' }]);
        }),
      );
      assert.deepEqual([error.stream, error.actual], [trial.name(), 0]);
      assert.equal(await trial.backend.documents.count(collection), 0);
    }),
    whereJoined(
      'an append beside a transaction that appends to the same stream does not lose either',
      async (trial) => {
        const outcomes = await Promise.allSettled(
          Array.from({ length: 10 }, (_, n) => {
            const append = {
              stream: trial.name(),
              events: numbered(1, n),
              expectedVersion: 'no-stream' as const,
            };
            return n % 2 === 0
              ? trial.backend.transaction((tx) => tx.append([append]))
              : trial.backend.events.appendAll([append]);
          }),
        );
        const won = outcomes.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []));
        assert.equal(won.length, 1);
        assert.deepEqual(numbersOf(await all(trial.backend.events.readStream(trial.name()))), won);
      },
    ),
    whereJoined(
      'a subscription sees the events of transactions and of others in the order of the log',
      async (trial) => {
        const { events } = trial.backend;
        const follower = new Follower(events.subscribe({ after: await events.head(), batchSize: 3 }), 10_000);
        await Promise.all(
          Array.from({ length: 20 }, async (_, n) => {
            const append = { stream: trial.name(`${n}`), events: numbered(2, n) };
            if (n % 2 === 0) await trial.backend.transaction((tx) => tx.append([append]));
            else await events.appendAll([append]);
          }),
        );
        const delivered = await follower.untilEvents(40);
        await follower.close();
        assert.equal(new Set(delivered.map(({ id }) => id)).size, 40);
        assert.ok(
          delivered.every(({ position }, n) => n === 0 || position > (delivered[n - 1]?.position ?? 0n)),
        );
      },
    ),
    whereJoined('an append through a transaction that is over is refused', async (trial) => {
      const tx = await trial.backend.transaction(async (each) => [each] as const);
      await refused(TransactionError, () => tx[0].append([{ stream: trial.name(), events: numbered(1) }]));
      assert.equal(await trial.backend.events.streamVersion(trial.name()), undefined);
    }),
  ],
};
