import type { BulkheadPolicy } from 'cockatiel';
import type { Clock } from '../clock.js';
import { ConfigurationError } from '../error.js';
import type { RecordedEvent } from '../messages/event.js';
import type { HandlerPolicy } from '../model/handler-policy.js';
import type { RetryPolicy } from '../model/processor-definition.js';
import type { Breaker } from './breaker.js';
import { HandlersLeftError } from './errors.js';
import { callInTime } from './guarded-call.js';
import { HandlerRecovery } from './handler-recovery.js';
import type { SlowCalls } from './slow-calls.js';
import { toError } from './thrown.js';

/** What stands around the tries of one handler. */
export interface GuardParts {
  readonly policy: HandlerPolicy;
  readonly retry: RetryPolicy | undefined;
  readonly breaker: Breaker | undefined;
  readonly bulkhead: BulkheadPolicy | undefined;
  readonly clock: Clock;
  readonly heedMs: number;
  readonly slow: SlowCalls;
  /** Whose handler it is, for messages. */
  readonly subject: string;
}

/** What to call, and for what. */
export interface GuardedCall {
  /** Name of the handler, for messages. */
  readonly handler: string;
  readonly event: RecordedEvent | undefined;
  readonly signal: AbortSignal;
  readonly call: (signal: AbortSignal) => unknown;
}

/** The policy of a handler at work: bulkhead, circuit breaker and timeout around each try, and what to do when one fails. */
export class HandlerGuard {
  readonly recovery: HandlerRecovery;
  readonly breaker: Breaker | undefined;
  /** True if nothing stands around a try: it may be called as it is. */
  readonly isPlain: boolean;
  readonly #parts: GuardParts;

  /** @throws {ConfigurationError} the policy makes no sense */
  constructor(parts: GuardParts) {
    const { policy, retry, subject, breaker, bulkhead } = parts;
    const { timeoutMs } = policy;
    if (timeoutMs !== undefined && !(Number.isFinite(timeoutMs) && timeoutMs > 0)) {
      throw new ConfigurationError(
        `"timeoutMs" of ${subject} must be more than 0 milliseconds, not ${String(timeoutMs)}.`,
      );
    }
    this.recovery = new HandlerRecovery(policy, retry, subject);
    this.breaker = breaker;
    this.isPlain = timeoutMs === undefined && breaker === undefined && bulkhead === undefined;
    this.#parts = parts;
  }

  /**
   * Calls the handler once: when there is room in the bulkhead, unless the breaker is open, and for as long as it may take.
   *
   * @throws {BreakerOpenError} it was not called
   * @throws {HandlerTimeoutError} it took too long
   * @throws what it throws
   */
  async run(guarded: GuardedCall): Promise<void> {
    const { bulkhead } = this.#parts;
    if (bulkhead === undefined) return this.#throughBreaker(guarded);
    await bulkhead.execute(async () => {
      // It may have waited for long.
      guarded.signal.throwIfAborted();
      await this.#throughBreaker(guarded);
    });
  }

  async #throughBreaker(guarded: GuardedCall): Promise<void> {
    const { breaker } = this;
    if (breaker === undefined) return this.#inTime(guarded);
    await breaker.run(
      () => this.#inTime(guarded),
      (thrown) =>
        !guarded.signal.aborted && this.recovery.kindOf(toError(thrown), guarded.event) === 'transient',
    );
  }

  async #inTime({ handler, event, signal, call }: GuardedCall): Promise<void> {
    const { clock, heedMs, slow, policy } = this.#parts;
    if (slow.isTooMany) throw new HandlersLeftError(handler, slow.left);
    if (policy.timeoutMs === undefined) await call(signal);
    else await callInTime({ clock, timeoutMs: policy.timeoutMs, heedMs, handler, event, signal, slow, call });
  }
}
