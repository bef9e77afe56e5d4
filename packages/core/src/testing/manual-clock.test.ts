import { describe, expect, it } from '@jest/globals';
import { sleep } from '../clock.js';
import { manualClock } from './manual-clock.js';

describe('the manual clock', () => {
  it('stands still until told to go on', async () => {
    const clock = manualClock();
    expect(clock.now().toISOString()).toBe('2026-01-01T00:00:00.000Z');
    await clock.advance(1_500);
    expect(clock.now().toISOString()).toBe('2026-01-01T00:00:01.500Z');
    expect(manualClock(new Date(0)).now().getTime()).toBe(0);
  });

  it('calls what falls due, in order of time and then of asking, each at its time', async () => {
    const clock = manualClock(new Date(0));
    const calls: [string, number][] = [];
    const note = (name: string) => () => void calls.push([name, clock.now().getTime()]);
    clock.after(20, note('late'));
    clock.after(10, note('early'));
    clock.after(10, note('early too'));
    clock.after(31, note('not yet'));
    const cancel = clock.after(15, note('cancelled'));
    cancel();
    await clock.advance(30);
    expect(calls).toEqual([
      ['early', 10],
      ['early too', 10],
      ['late', 20],
    ]);
    expect(clock.pending).toBe(1);
  });

  it('lets what was set going set further timers in the same stretch of time', async () => {
    const clock = manualClock(new Date(0));
    const woken: number[] = [];
    const loop = async (): Promise<void> => {
      for (let round = 0; round < 3; round += 1) {
        await sleep(clock, 10);
        woken.push(clock.now().getTime());
      }
    };
    const done = loop();
    await clock.advance(100);
    await done;
    expect(woken).toEqual([10, 20, 30]);
  });
});
