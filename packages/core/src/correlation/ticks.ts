import type { Timer } from '../backend/timers.js';
import type { NewEvent, RecordedEvent } from '../messages/event.js';
import { deterministicId } from '../messages/ids.js';

/*
 * When no events come, time must be told. It is told through the log: a timer rings, by the store's clock, and an event that says
 * nothing is appended; its own recorded time moves the watermark. So whatever is derived follows from the log alone, in its order:
 * an absence is concluded behind everything that was recorded before.
 */

/** Whom the timers of all correlations are for: whichever node takes one can append its tick. */
export const timerTarget = 'correlation';

const namespace = 'a1f4b0a3-0f0e-5a57-8d6b-2f1f3f8f6a52';

/** What a timer says. */
interface Ring {
  readonly correlation: string;
  /** When it was to ring, in milliseconds since 1970. */
  readonly at: number;
}

/** The type of the events that tell a correlation the time. */
export const tickType = (name: string): string => `correlation:${name}:time`;

/** The stream that they are appended to. */
export const tickStream = (name: string): string => `correlation-time:${name}`;

export const timerAt = (name: string, at: number): Timer => ({
  id: deterministicId(namespace, `${name}\0${at}`),
  target: timerTarget,
  dueAt: new Date(at),
  payload: { correlation: name, at } satisfies Ring,
});

/** What is appended when a timer rings: once, however often it does. */
export const tickOf = (timer: Timer): { readonly stream: string; readonly event: NewEvent } => {
  // Timers of this target are made by `timerAt` alone.
  const { correlation, at } = timer.payload as Ring;
  return {
    stream: tickStream(correlation),
    event: { id: deterministicId(timer.id, 'tick'), type: tickType(correlation), data: { at } },
  };
};

/** When the timer of a tick was to ring. */
export const ringOf = (event: RecordedEvent): number => (event.data as Pick<Ring, 'at'>).at;
