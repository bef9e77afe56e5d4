import type { Clock } from '../clock.js';
import type { RecordedEvent } from '../messages/event.js';
import { HandlerTimeoutError } from './errors.js';
import type { SlowCalls } from './slow-calls.js';

/** One try of a handler that may take only so long. */
export interface TimedCall {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Milliseconds that the handler gets to heed its aborted signal. */
  readonly heedMs: number;
  /** Name of the handler, for messages. */
  readonly handler: string;
  readonly event: RecordedEvent | undefined;
  /** Aborts the try from outside. */
  readonly signal: AbortSignal;
  /** Where it is shown when it is left behind. */
  readonly slow: SlowCalls;
  readonly call: (signal: AbortSignal) => unknown;
}

/**
 * Calls a handler with a signal of its own, which is aborted when the time is over.
 *
 * What it does then counts for nothing: the try has failed when the handler ends, with or without an error, or when it has not ended
 * some seconds after the signal. So it is over in bounded time, whatever the handler does; a call that goes on behind our back is
 * shown until it ends.
 *
 * @throws {HandlerTimeoutError} it took too long
 * @throws what the handler throws in time
 */
export const callInTime = ({
  clock,
  timeoutMs,
  heedMs,
  handler,
  event,
  signal,
  slow,
  call,
}: TimedCall): Promise<void> =>
  new Promise((resolve, reject) => {
    const own = new AbortController();
    const forward = (): void => own.abort(signal.reason);
    let timeout: HandlerTimeoutError | undefined;
    let forget: (() => void) | undefined;
    let cancel = clock.after(timeoutMs, () => {
      timeout = new HandlerTimeoutError(handler, timeoutMs);
      own.abort(timeout);
      cancel = clock.after(heedMs, () => {
        forget = slow.leave(handler, event);
        reject(new HandlerTimeoutError(handler, timeoutMs, true));
      });
    });
    const ended = (): void => {
      cancel();
      forget?.();
      signal.removeEventListener('abort', forward);
    };
    if (signal.aborted) forward();
    else signal.addEventListener('abort', forward, { once: true });
    // In an asynchronous function, so that what is thrown at once is a rejection, too.
    const called = async (): Promise<void> => {
      await call(own.signal);
    };
    called()
      .finally(ended)
      .then(
        // Told to stop, it may have returned without having done its work.
        () => (timeout === undefined ? resolve() : reject(timeout)),
        (thrown: unknown) =>
          reject(
            timeout === undefined
              ? thrown
              : new HandlerTimeoutError(handler, timeoutMs, false, { cause: thrown }),
          ),
      );
  });
