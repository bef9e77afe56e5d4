import assert from 'node:assert/strict';
import { rule, type Chapter } from './conformance.js';
import { numbered, numbersOf, type EventStoreTrial } from './event-store-trial.js';

const counting = (count: number, from = 0): number[] => Array.from({ length: count }, (_, n) => from + n);

/** Catching up, and going on live. */
export const subscribing: Chapter<EventStoreTrial> = {
  name: 'subscriptions',
  rules: [
    rule('what is there comes first, in order, then what is appended', async (trial) => {
      const after = await trial.store.head();
      await trial.fill(trial.name(), 5);
      const follower = trial.subscribe({ after, batchSize: 2 });
      assert.deepEqual(numbersOf(await follower.untilEvents(5)), counting(5));
      await follower.untilCaughtUp();
      await trial.fill(trial.name('b'), 2, 5);
      assert.deepEqual(numbersOf(await follower.untilEvents(7)), counting(7));
      await trial.fill(trial.name(), 1, 7);
      assert.deepEqual(numbersOf(await follower.untilEvents(8)), counting(8));
    }),
    rule('without `after` it starts at the beginning of the log', async (trial) => {
      await trial.fill(trial.name(), 3);
      const follower = trial.subscribe({ filter: { streamPrefixes: [trial.name()] } });
      assert.deepEqual(numbersOf(await follower.untilEvents(3)), counting(3));
    }),
    rule('from the head on, only what comes is delivered', async (trial) => {
      await trial.fill(trial.name(), 3);
      const follower = trial.subscribe({ after: await trial.store.head() });
      await follower.untilCaughtUp();
      assert.deepEqual(follower.events, []);
      await trial.fill(trial.name(), 1, 3);
      assert.deepEqual(numbersOf(await follower.untilEvents(1)), [3]);
    }),
    rule('at the head, the first batch says that it is caught up, though it has no events', async (trial) => {
      await trial.fill(trial.name(), 1);
      const head = await trial.store.head();
      const follower = trial.subscribe({ after: head });
      const first = await follower.next();
      assert.equal(first?.caughtUp, true);
      assert.deepEqual(first.events, []);
      assert.ok(first.position >= head);
    }),
    rule('while catching up it is not caught up; at the end it is', async (trial) => {
      const after = await trial.store.head();
      await trial.fill(trial.name(), 6);
      const follower = trial.subscribe({ after, batchSize: 2 });
      await follower.untilCaughtUp();
      assert.deepEqual(numbersOf(follower.events), counting(6), 'caught up only when all was delivered');
      const early = follower.batches.filter((batch) => batch.events.length > 0).slice(0, 2);
      assert.ok(early.every((batch) => !batch.caughtUp));
    }),
    rule('a batch has no more events than asked for', async (trial) => {
      const after = await trial.store.head();
      await trial.fill(trial.name(), 10);
      const follower = trial.subscribe({ after, batchSize: 3 });
      await follower.untilEvents(10);
      assert.ok(follower.batches.every((batch) => batch.events.length <= 3));
    }),
    rule('the position of a batch is at least that of its last event, and never goes back', async (trial) => {
      let position = await trial.store.head();
      await trial.fill(trial.name(), 10);
      const follower = trial.subscribe({ after: position, batchSize: 3 });
      await follower.untilCaughtUp();
      await trial.fill(trial.name(), 2, 10);
      await follower.untilEvents(12);
      for (const batch of follower.batches) {
        assert.ok(batch.position >= (batch.events.at(-1)?.position ?? position));
        assert.ok((batch.events[0]?.position ?? batch.position + 1n) > position);
        assert.ok(batch.position >= position);
        position = batch.position;
      }
    }),
    rule('whoever subscribes again behind any batch gets exactly the rest', async (trial) => {
      const after = await trial.store.head();
      await trial.fill(trial.name(), 7);
      const first = trial.subscribe({ after, batchSize: 2 });
      await first.untilEvents(7);
      let delivered = 0;
      for (const batch of first.batches) {
        delivered += batch.events.length;
        if (delivered === 7) break;
        const again = trial.subscribe({ after: batch.position });
        assert.deepEqual(
          numbersOf(await again.untilEvents(7 - delivered)),
          counting(7 - delivered, delivered),
        );
      }
    }),
    rule('whoever subscribes again behind any event gets exactly what follows', async (trial) => {
      const after = await trial.store.head();
      await trial.fill(trial.name(), 6);
      const events = await trial.subscribe({ after }).untilEvents(6);
      for (const [index, event] of events.slice(0, -1).entries()) {
        const again = trial.subscribe({ after: event.position });
        assert.deepEqual(numbersOf(await again.untilEvents(5 - index)), counting(5 - index, index + 1));
      }
    }),
    rule(
      'read your writes: a subscription that waits delivers what another connection appends',
      async (trial) => {
        const second = await trial.second();
        const follower = trial.subscribe({ after: await trial.store.head() });
        await follower.untilCaughtUp();
        for (let n = 0; n < 5; n++) {
          const waiting = follower.untilEvents(n + 1);
          await second.append(trial.name(), numbered(1, n));
          assert.deepEqual(numbersOf(await waiting), counting(n + 1));
        }
      },
    ),
    rule('a slow consumer misses nothing, and is given no more at a time', async (trial) => {
      const follower = trial.subscribe({ after: await trial.store.head(), batchSize: 10 });
      await follower.next();
      for (let n = 0; n < 30; n++) await trial.fill(trial.name(), 10, n * 10);
      assert.equal(follower.events.length, 0, 'nothing comes before it is asked for');
      assert.deepEqual(numbersOf(await follower.untilEvents(300)), counting(300));
      assert.ok(follower.batches.every((batch) => batch.events.length <= 10));
    }),
    rule('a slow consumer does not hold up a fast one, nor the writers', async (trial) => {
      const after = await trial.store.head();
      trial.subscribe({ after, batchSize: 1 });
      const fast = trial.subscribe({ after });
      await trial.fill(trial.name(), 50);
      assert.equal((await fast.untilEvents(50)).length, 50);
    }),
    rule('20 subscriptions each get everything', async (trial) => {
      const after = await trial.store.head();
      const followers = counting(20).map(() => trial.subscribe({ after, batchSize: 4 }));
      await trial.fill(trial.name(), 10);
      for (const follower of followers) {
        assert.deepEqual(numbersOf(await follower.untilEvents(10)), counting(10));
      }
    }),
    rule('what one subscriber changes in an event, another does not see', async (trial) => {
      const after = await trial.store.head();
      await trial.fill(trial.name(), 1);
      const [first] = await trial.subscribe({ after }).untilEvents(1);
      assert.ok(first);
      (first.data as { n: number }).n = 99;
      assert.deepEqual(numbersOf(await trial.subscribe({ after }).untilEvents(1)), [0]);
    }),
  ],
};
