import assert from 'node:assert/strict';
import { InvalidArgumentError } from '../../log/errors.js';
import { refused } from './assertions.js';
import { rule, type Chapter } from './conformance.js';
import { numbersOf, type EventStoreTrial } from './event-store-trial.js';
import { within } from './patience.js';

/** How subscriptions end. */
export const subscriptionEnds: Chapter<EventStoreTrial> = {
  name: 'the end of a subscription',
  rules: [
    rule('a pull that waits is answered with the end when it is closed', async (trial) => {
      const follower = trial.subscribe({ after: await trial.store.head() });
      await follower.untilCaughtUp();
      const waiting = follower.next('the end');
      await within(trial.patienceMs, follower.subscription.close(), 'the end of close()');
      assert.equal(await waiting, undefined);
      assert.equal(await follower.next('the end'), undefined, 'it stays at its end');
    }),
    rule('a pull that waits is answered with the end when its signal is aborted', async (trial) => {
      const controller = new AbortController();
      const follower = trial.subscribe({ after: await trial.store.head(), signal: controller.signal });
      await follower.untilCaughtUp();
      const waiting = follower.next('the end');
      controller.abort();
      assert.equal(await waiting, undefined);
    }),
    rule('with a signal that was aborted before, it is at its end', async (trial) => {
      await trial.fill(trial.name(), 1);
      const follower = trial.subscribe({ signal: AbortSignal.abort() });
      assert.equal(await follower.next('the end'), undefined);
    }),
    rule('closed before its first pull, it is at its end', async (trial) => {
      await trial.fill(trial.name(), 1);
      const follower = trial.subscribe();
      await follower.close();
      assert.equal(await follower.next('the end'), undefined);
    }),
    rule('closed between two pulls, it gives nothing more', async (trial) => {
      const after = await trial.store.head();
      await trial.fill(trial.name(), 10);
      const follower = trial.subscribe({ after, batchSize: 2 });
      await follower.untilEvents(2);
      await follower.close();
      assert.equal(await follower.next('the end'), undefined);
      assert.deepEqual(numbersOf(follower.events), [0, 1]);
    }),
    rule('closing it again, or twice at once, does nothing', async (trial) => {
      const follower = trial.subscribe();
      await within(
        trial.patienceMs,
        Promise.all([follower.close(), follower.close()]),
        'the end of two close()',
      );
      await follower.close();
    }),
    rule('a loop that is left ends it', async (trial) => {
      const after = await trial.store.head();
      await trial.fill(trial.name(), 4);
      const subscription = trial.store.subscribe({ after, batchSize: 1 });
      for await (const batch of subscription) {
        if (batch.events.length > 0) break;
      }
      const rest = await within(trial.patienceMs, subscription[Symbol.asyncIterator]().next(), 'the end');
      assert.equal(rest.done, true);
    }),
    rule('a closed subscription leaves the others alone', async (trial) => {
      const after = await trial.store.head();
      const closed = trial.subscribe({ after });
      const other = trial.subscribe({ after });
      await closed.untilCaughtUp();
      await closed.close();
      await trial.fill(trial.name(), 2);
      assert.deepEqual(numbersOf(await other.untilEvents(2)), [0, 1]);
    }),
    rule('a batch size of 0 is refused', async (trial) => {
      await refused(InvalidArgumentError, async () => trial.subscribe({ batchSize: 0 }).next());
    }),
  ],
};
