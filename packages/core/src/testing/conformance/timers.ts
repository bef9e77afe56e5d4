import assert from 'node:assert/strict';
import type { Timer } from '../../backend/timers.js';
import { InvalidArgumentError } from '../../log/errors.js';
import { SerializationError } from '../../schema/errors.js';
import { refused } from './assertions.js';
import type { BackendTrial } from './backend-trial.js';
import { rule, type Chapter } from './conformance.js';

/** Long before, and long after, any clock that a backend is tried with. */
const past = (milliseconds = 0): Date => new Date(Date.parse('2001-01-01T00:00:00Z') + milliseconds);
const future = new Date('2999-01-01T00:00:00Z');

const timer = (trial: BackendTrial, label: string, dueAt: Date, payload: unknown = null): Timer => ({
  id: trial.name(label),
  target: trial.name('target'),
  dueAt,
  payload,
});

const claim = (trial: BackendTrial, limit = 10, claimMs = 60_000) => ({
  target: trial.name('target'),
  limit,
  claimMs,
});

const labels = (trial: BackendTrial, timers: readonly Timer[]): string[] =>
  timers.map(({ id }) => id.slice(trial.name('').length));

/** Durable timers. */
export const timers: Chapter<BackendTrial> = {
  name: 'timers',
  rules: [
    rule('a timer that is due is claimed with all that it was scheduled with', async (trial) => {
      const scheduled = timer(trial, 'a', past(), { saga: 'x', text: '\u0000\uD800' });
      await trial.backend.timers.schedule([scheduled]);
      assert.deepEqual(await trial.backend.timers.claimDue(claim(trial)), [scheduled]);
    }),
    rule('a timer that is not due is not claimed', async (trial) => {
      await trial.backend.timers.schedule([timer(trial, 'a', future)]);
      assert.deepEqual(await trial.backend.timers.claimDue(claim(trial)), []);
    }),
    rule('a timer becomes due by the backend’s own clock', async (trial) => {
      const { timers: store } = trial.backend;
      await store.schedule([timer(trial, 'far', future)]);
      const untilFar = await store.untilNextDue(trial.name('target'));
      assert.ok(untilFar !== undefined);
      const now = future.getTime() - untilFar;
      await store.schedule([timer(trial, 'near', new Date(now + 300))]);
      assert.deepEqual(await store.claimDue(claim(trial)), []);
      await trial.elapse(400);
      assert.deepEqual(labels(trial, await store.claimDue(claim(trial))), ['near']);
    }),
    rule('the earliest come first, and no more than asked for', async (trial) => {
      const { timers: store } = trial.backend;
      await store.schedule([
        timer(trial, 'c', past(3)),
        timer(trial, 'a', past(1)),
        timer(trial, 'd', past(4)),
        timer(trial, 'b', past(2)),
      ]);
      assert.deepEqual(labels(trial, await store.claimDue(claim(trial, 3))), ['a', 'b', 'c']);
      assert.deepEqual(labels(trial, await store.claimDue(claim(trial, 3))), ['d']);
    }),
    rule(
      'a claimed timer is not claimed again while the claim holds, and again when it has ended',
      async (trial) => {
        const { timers: store } = trial.backend;
        await store.schedule([timer(trial, 'a', past())]);
        assert.equal((await store.claimDue(claim(trial, 10, 500))).length, 1);
        assert.deepEqual(await store.claimDue(claim(trial)), []);
        await trial.elapse(600);
        assert.deepEqual(labels(trial, await store.claimDue(claim(trial))), ['a']);
        assert.deepEqual(await store.claimDue(claim(trial)), []);
      },
    ),
    rule('of 10 that claim on two connections at once, each timer goes to one', async (trial) => {
      const second = await trial.second();
      await trial.backend.timers.schedule(
        Array.from({ length: 50 }, (_, n) => timer(trial, `${n}`, past(n))),
      );
      const claimed = await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          (n % 2 === 0 ? trial.backend : second).timers.claimDue(claim(trial, 5)),
        ),
      );
      const ids = claimed.flat().map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length);
      const rest = await trial.backend.timers.claimDue(claim(trial, 50));
      assert.equal(new Set([...ids, ...rest.map(({ id }) => id)]).size, 50);
      assert.equal(ids.length + rest.length, 50);
    }),
    rule('a removed timer is gone, claimed or not; unknown ids are no error', async (trial) => {
      const { timers: store } = trial.backend;
      await store.schedule([
        timer(trial, 'a', past(1)),
        timer(trial, 'b', past(2)),
        timer(trial, 'c', future),
      ]);
      await store.claimDue(claim(trial, 1, 1));
      await store.remove([trial.name('a'), trial.name('c'), trial.name('unknown')]);
      await store.remove([]);
      await trial.elapse(20);
      assert.deepEqual(labels(trial, await store.list(trial.name('target'))), ['b']);
      assert.deepEqual(labels(trial, await store.claimDue(claim(trial))), ['b']);
    }),
    rule('scheduling an id again changes nothing, within one call too', async (trial) => {
      const { timers: store } = trial.backend;
      const first = timer(trial, 'a', past(), 'first');
      await store.schedule([first, timer(trial, 'a', future, 'twice')]);
      await store.schedule([timer(trial, 'a', future, 'second'), timer(trial, 'b', past(1))]);
      await store.schedule([]);
      assert.deepEqual(await store.list(trial.name('target')), [first, timer(trial, 'b', past(1))]);
      await store.claimDue(claim(trial));
      await store.schedule([first]);
      assert.deepEqual(await store.claimDue(claim(trial)), [], 'nor does it end a claim');
    }),
    rule('targets have their own', async (trial) => {
      const { timers: store } = trial.backend;
      await store.schedule([{ ...timer(trial, 'a', past()), target: trial.name('other') }]);
      assert.deepEqual(await store.claimDue(claim(trial)), []);
      assert.deepEqual(await store.list(trial.name('target')), []);
      assert.equal(await store.untilNextDue(trial.name('target')), undefined);
    }),
    rule('the time until the next one: none, some, or none left', async (trial) => {
      const { timers: store } = trial.backend;
      const target = trial.name('target');
      assert.equal(await store.untilNextDue(target), undefined);
      await store.schedule([timer(trial, 'later', future)]);
      const far = await store.untilNextDue(target);
      assert.ok(far !== undefined && far > 1_000_000);
      await store.schedule([timer(trial, 'now', past())]);
      assert.equal(await store.untilNextDue(target), 0);
    }),
    rule('a claimed timer is next due when its claim ends, so that nobody spins on it', async (trial) => {
      const { timers: store } = trial.backend;
      await store.schedule([timer(trial, 'a', past())]);
      await store.claimDue(claim(trial, 1, 60_000));
      const until = await store.untilNextDue(trial.name('target'));
      assert.ok(until !== undefined && until > 1_000 && until <= 60_000, `next due in ${until} ms`);
    }),
    rule('the list has claimed ones too, the earliest first, up to a limit of 100', async (trial) => {
      const { timers: store } = trial.backend;
      const target = trial.name('target');
      await store.schedule(Array.from({ length: 120 }, (_, n) => timer(trial, `${n}`, past(120 - n), { n })));
      await store.claimDue(claim(trial, 1));
      const listed = await store.list(target);
      assert.deepEqual(
        listed.map(({ payload }) => payload),
        Array.from({ length: 100 }, (_, index) => ({ n: 119 - index })),
      );
      assert.equal((await store.list(target, 3)).length, 3);
    }),
    rule('what makes no sense is refused, and none of its call is scheduled', async (trial) => {
      const { timers: store } = trial.backend;
      const good = timer(trial, 'a', past());
      await refused(SerializationError, () => store.schedule([good, timer(trial, 'b', past(), { n: 1n })]));
      await refused(InvalidArgumentError, () =>
        store.schedule([good, timer(trial, 'b', new Date(Number.NaN))]),
      );
      await refused(InvalidArgumentError, () => store.schedule([good, { ...good, id: '' }]));
      await refused(InvalidArgumentError, () => store.claimDue(claim(trial, 0)));
      await refused(InvalidArgumentError, () => store.claimDue(claim(trial, 1, 0)));
      assert.deepEqual(await store.list(trial.name('target')), []);
    }),
  ],
};
