import { describe, expect, it } from '@jest/globals';
import { StoreUnavailableError, memory, type Timer, type TimerStore } from '@tidemark/core';
import { manualClock } from '@tidemark/core/testing';
import { Gathering } from './gathering.js';
import { TimerService } from './timer-service.js';

const timer = (id: string, clock: { now(): Date }, afterMs: number): Timer => ({
  id,
  target: 'saga:t',
  dueAt: new Date(clock.now().getTime() + afterMs),
  payload: {},
});

describe('TimerService', () => {
  it('goes on when the store or a handler fails, and says so meanwhile', async () => {
    const clock = manualClock();
    const backend = memory({ clock });
    await backend.open();
    let away = false;
    const store: TimerStore = {
      schedule: (timers) => backend.timers.schedule(timers),
      claimDue: (options) => backend.timers.claimDue(options),
      remove: (ids) => backend.timers.remove(ids),
      list: (target) => backend.timers.list(target),
      untilNextDue: (target) =>
        away ? Promise.reject(new StoreUnavailableError('away')) : backend.timers.untilNextDue(target),
    };
    const service = new TimerService(store, clock);
    const fired: string[] = [];
    let failing = true;
    service.handle('saga:t', ({ id }) => {
      if (failing) return Promise.reject(new Error('not now'));
      fired.push(id);
      return Promise.resolve();
    });
    await service.start();
    await service.start();
    expect(service.health().status).toBe('up');
    await service.schedule(timer('a', clock, 1_000));
    away = true;
    await clock.advance(900);
    away = true;
    await clock.advance(6_000);
    expect(service.health()).toEqual({ status: 'degraded', reasons: ['Timers of sagas fire late: away'] });
    away = false;
    await clock.advance(1_000);
    expect(service.health().reasons.join()).toContain('not now');
    failing = false;
    // The claim of the failed attempt holds for a while.
    for (let tick = 0; tick < 40; tick++) await clock.advance(1_000);
    expect(fired).toEqual(['a']);
    expect(service.health().status).toBe('up');
    expect(await backend.timers.list('saga:t')).toEqual([]);
    const stopped = service.stop();
    await clock.advance(5_000);
    await stopped;
    await service.schedule(timer('b', clock, 0));
    await clock.advance(10_000);
    expect(fired).toEqual(['a']);
  });
});

describe('Gathering', () => {
  it('has one call under way, and gathers what comes meanwhile into the next', async () => {
    const calls: (readonly number[])[] = [];
    const gathering = new Gathering<number>((items) => {
      calls.push(items);
      return items.includes(13) ? Promise.reject(new Error('unlucky')) : Promise.resolve();
    });
    const first = gathering.add([1]);
    const second = gathering.add([2]);
    await Promise.all([first, second]);
    const bad = gathering.add([13]);
    await expect(bad).rejects.toThrow('unlucky');
    await gathering.add([3]);
    expect(calls).toEqual([[1, 2], [13], [3]]);
  });
});
