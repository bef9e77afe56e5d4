import { describe, expect, it } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { Appender } from '../backend/appender.js';
import { memory } from '../backend/memory/memory.js';
import { manualClock } from '../testing/manual-clock.js';
import { backendWith } from '../testing/runner-rig.test-support.js';
import { tickStream, timerAt } from './ticks.js';
import { TimeKeeper } from './time-keeper.js';

const keeping = async () => {
  const clock = manualClock();
  const store = memory({ clock });
  await store.open();
  const trouble = { isAway: false };
  const backend = backendWith(
    {
      timers: {
        schedule: (timers) => store.timers.schedule(timers),
        claimDue: (options) => store.timers.claimDue(options),
        remove: (ids) => store.timers.remove(ids),
        list: (target) => store.timers.list(target),
        untilNextDue: (target) =>
          trouble.isAway ? Promise.reject(new Error('away')) : store.timers.untilNextDue(target),
      },
    },
    store,
  );
  const keeper = new TimeKeeper({ backend, clock, appends: new Appender(backend) });
  const pass = async (milliseconds: number): Promise<void> => {
    for (let passed = 0; passed < milliseconds; passed += 10) {
      await clock.advance(10);
      for (let turn = 0; turn < 5; turn += 1) await setImmediate();
    }
  };
  return { clock, store, trouble, keeper, pass };
};

describe('the keeper of the time', () => {
  it('appends a tick for each timer, once, and goes on when the store was away', async () => {
    const { clock, store, trouble, keeper, pass } = await keeping();
    await keeper.start();
    await keeper.start();
    const at = clock.now().getTime() + 500;
    keeper.expect(at);
    keeper.expect(at + 1);
    await store.timers.schedule([timerAt('tides', at)]);
    await pass(450);
    expect(await store.events.head()).toBe(0n);
    await pass(100);
    expect(await store.events.streamVersion(tickStream('tides'))).toBe(0);
    expect(await store.timers.list('correlation')).toEqual([]);

    trouble.isAway = true;
    await store.timers.schedule([timerAt('tides', at + 100)]);
    await pass(2_000);
    expect(keeper.health()).toEqual({
      status: 'degraded',
      reasons: ['Correlations notice late that time passes: away'],
    });
    trouble.isAway = false;
    await pass(2_000);
    expect(keeper.health().status).toBe('up');
    // The same timer again is the same tick.
    await store.timers.schedule([timerAt('tides', at + 100)]);
    await pass(2_000);
    expect(await store.events.streamVersion(tickStream('tides'))).toBe(1);
    await keeper.stop();
    await keeper.stop();
  });

  it('looks again soon where a timer is announced that is not there yet', async () => {
    const { clock, store, keeper, pass } = await keeping();
    await keeper.start();
    const at = clock.now().getTime() + 100;
    keeper.expect(at);
    await pass(130);
    // Its transaction took longer than it was to wait.
    await store.timers.schedule([timerAt('tides', at)]);
    await pass(100);
    expect(await store.events.streamVersion(tickStream('tides'))).toBe(0);
    await keeper.stop();
  });
});
