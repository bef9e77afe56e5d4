import assert from 'node:assert/strict';
import { rule, type Chapter } from './conformance.js';
import { numbered, numbersOf, type EventStoreTrial } from './event-store-trial.js';

/** Filtered subscriptions: what matches, and progress through what does not. */
export const subscriptionFilters: Chapter<EventStoreTrial> = {
  name: 'filtered subscriptions',
  rules: [
    rule('only what matches is delivered, from the past and live', async (trial) => {
      const after = await trial.store.head();
      const type = trial.name('Wanted');
      const append = async (n: number, wanted: boolean): Promise<void> => {
        await trial.store.append(trial.name(), numbered(1, n, wanted ? type : 'Other'));
      };
      for (let n = 0; n < 6; n++) await append(n, n % 2 === 0);
      const follower = trial.subscribe({ after, filter: { types: [type] }, batchSize: 2 });
      assert.deepEqual(numbersOf(await follower.untilEvents(3)), [0, 2, 4]);
      await append(6, false);
      await append(7, true);
      assert.deepEqual(numbersOf(await follower.untilEvents(4)), [0, 2, 4, 7]);
    }),
    rule('pitfall 12: through a past in which nothing matches it moves to the head', async (trial) => {
      const after = await trial.store.head();
      await trial.fill(trial.name(), 50);
      const head = await trial.store.head();
      const follower = trial.subscribe({ after, filter: { types: [trial.name('Never')] }, batchSize: 10 });
      const batch = await follower.untilCaughtUp();
      assert.ok(batch.position >= head, 'the position passes what did not match');
      assert.deepEqual(follower.events, []);
    }),
    rule('pitfall 12: live, it moves past events that do not match', async (trial) => {
      const follower = trial.subscribe({
        after: await trial.store.head(),
        filter: { types: [trial.name('Never')] },
      });
      await follower.untilCaughtUp();
      for (let n = 0; n < 3; n++) {
        const { position } = await trial.store.append(trial.name(), numbered(1, n));
        const batch = await follower.untilPosition(position);
        assert.deepEqual(batch.events, []);
      }
    }),
    rule('pitfall 12: behind the last match it moves on to the head', async (trial) => {
      const after = await trial.store.head();
      const type = trial.name('Wanted');
      await trial.store.append(trial.name(), numbered(1, 0, type));
      await trial.fill(trial.name(), 30, 1);
      const head = await trial.store.head();
      const follower = trial.subscribe({ after, filter: { types: [type] }, batchSize: 5 });
      await follower.untilPosition(head);
      assert.deepEqual(numbersOf(follower.events), [0]);
    }),
    rule(
      'pitfall 12: a restart behind the progress made re-reads nothing and misses nothing',
      async (trial) => {
        const after = await trial.store.head();
        const type = trial.name('Wanted');
        await trial.fill(trial.name(), 20);
        const filter = { types: [type] };
        const first = trial.subscribe({ after, filter });
        const { position } = await first.untilCaughtUp();
        await first.close();
        await trial.store.append(trial.name(), numbered(1, 77, type));
        const second = trial.subscribe({ after: position, filter });
        assert.deepEqual(numbersOf(await second.untilEvents(1)), [77]);
      },
    ),
    rule('progress never passes an event that matches and was not delivered', async (trial) => {
      const after = await trial.store.head();
      const type = trial.name('Wanted');
      for (let n = 0; n < 10; n++) {
        await trial.fill(trial.name(), 7);
        await trial.store.append(trial.name(), numbered(1, n, type));
      }
      const follower = trial.subscribe({ after, filter: { types: [type] }, batchSize: 1 });
      await follower.untilEvents(10);
      await follower.untilCaughtUp();
      const positions = follower.events.map((event) => event.position);
      let delivered = 0;
      for (const batch of follower.batches) {
        delivered += batch.events.length;
        const passed = positions.filter((position) => position <= batch.position).length;
        assert.equal(passed, delivered);
      }
    }),
  ],
};
