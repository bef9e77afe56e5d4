import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../clock.js';

/** A clock that stands still until it is told to move. */
export interface ManualClock extends Clock {
  /**
   * Moves time forwards. Callbacks that become due are called at their times and in their order, those that were made on the
   * way too; after each, and at the end, everything that can go on by itself goes on.
   *
   * @param milliseconds not negative
   */
  advance(milliseconds: number): Promise<void>;
  /** Callbacks that wait for their time. */
  readonly pending: number;
}

interface Alarm {
  readonly at: number;
  readonly callback: () => void;
}

/**
 * Makes a clock for tests.
 *
 * @param start its time at first. Default: 2026-01-01T00:00:00Z
 *
 * @example
 * ```ts
 * const clock = manualClock();
 * const app = createApp({ backend: memory({ clock }), clock, register: [Reminders] });
 * await clock.advance(60_000);
 * ```
 */
export const manualClock = (start: Date = new Date('2026-01-01T00:00:00Z')): ManualClock => {
  let now = start.getTime();
  const alarms = new Set<Alarm>();
  const nextUpTo = (end: number): Alarm | undefined => {
    let next: Alarm | undefined;
    for (const alarm of alarms)
      if (alarm.at <= end && (next === undefined || alarm.at < next.at)) next = alarm;
    return next;
  };
  return {
    now: () => new Date(now),
    after(milliseconds, callback) {
      const alarm = { at: now + Math.max(0, milliseconds), callback };
      alarms.add(alarm);
      return () => {
        alarms.delete(alarm);
      };
    },
    async advance(milliseconds) {
      if (!(milliseconds >= 0))
        throw new RangeError('A clock goes forwards: advance by 0 or more milliseconds.');
      const end = now + milliseconds;
      // What was started before must have set its alarms by now.
      await setImmediate();
      for (let alarm = nextUpTo(end); alarm !== undefined; alarm = nextUpTo(end)) {
        alarms.delete(alarm);
        now = Math.max(now, alarm.at);
        alarm.callback();
        await setImmediate();
      }
      now = Math.max(now, end);
    },
    get pending() {
      return alarms.size;
    },
  };
};
