import type { FailureAction } from '../model/handler-policy.js';
import { BreakerOpenError, CompensationFailedError, HandlersLeftError } from '../recovery/errors.js';
import { noTries, type Verdict } from '../recovery/handler-recovery.js';
import { letterOf } from '../recovery/letters.js';
import { OutagePause } from '../recovery/outage-pause.js';
import { describeError, toError } from '../recovery/thrown.js';
import type { DispatcherHost } from './dispatcher.js';
import type { FailureCause } from './errors.js';
import type { EventTask } from './event-task.js';
import type { LaneOutcome } from './keyed-lanes.js';
import type { WorkMark } from './source.js';

/** Most milliseconds after which an event asks again whether its breaker has closed: it may be tried by another one before. */
const MOST_BREAKER_WAIT_MS = 1_000;

/** What becomes of an event: an outcome, or `undefined` if that is told later. */
export type TaskOutcome = LaneOutcome | undefined;

export interface EachFailuresParts {
  readonly host: DispatcherHost;
  readonly mark: WorkMark;
  /** The event is over, whatever came of it. */
  finish(task: EventTask): LaneOutcome;
  /** Tells an outcome that was not known at once. */
  settle(task: EventTask, outcome: LaneOutcome): void;
  /** The processor cannot go on. */
  fail(cause: FailureCause): void;
}

/** What becomes of events that cannot be handled, or not now: they wait, are tried again, or are given up as the policy says. */
export class EachFailures {
  readonly #parts: EachFailuresParts;
  readonly #outage: OutagePause;

  constructor(parts: EachFailuresParts) {
    this.#parts = parts;
    this.#outage = new OutagePause(parts.host.clock);
  }

  /** True if the event may have to wait behind a dead letter: {@link follow} tells. */
  mayBeParked({ sequence }: EventTask): boolean {
    return this.#parts.mark.refuse === undefined && this.#parts.host.recovery.parking.mayWait(sequence);
  }

  /** Has an event wait behind the dead letters of its key, if there still are any. */
  follow(task: EventTask): undefined {
    return this.#later(task, async (signal) => {
      const letter = letterOf({ ...this.#letter(task), error: undefined });
      if (!(await this.#parts.host.recovery.parking.follow(letter, signal))) return { retryAfterMs: 0 };
      this.#note('park', task, undefined);
      return this.#parts.finish(task);
    });
  }

  /** Milliseconds that no handler is to be called, since the backend is away; 0 if one may be. */
  outageWait(): number {
    return this.#outage.isActive ? this.#outage.wait() : 0;
  }

  /** A handler ended otherwise than by an outage. */
  backendIsThere(): void {
    if (!this.#outage.isActive) return;
    this.#outage.end();
    this.#parts.host.outage(undefined);
  }

  /** What becomes of an event whose try has failed. */
  failed(task: EventTask, thrown: unknown): TaskOutcome {
    const { host } = this.#parts;
    if (host.signal.aborted) return 'blocked';
    const error = toError(thrown);
    if (error instanceof BreakerOpenError) {
      task.attempt -= 1;
      return { retryAfterMs: Math.min(error.waitMs, MOST_BREAKER_WAIT_MS) };
    }
    if (error instanceof HandlersLeftError) return this.#stop(task, error);
    const guard = host.recovery.of(task.event);
    const isExcused = task.compensating === undefined && guard.breaker?.isClosed === false;
    task.tries ??= noTries();
    const verdict = guard.recovery.judge(error, task.event, task.tries, isExcused);
    this.#noteOutage(verdict, error);
    if (verdict.kind !== 'give-up') {
      host.counts.retried += 1;
      return { retryAfterMs: verdict.afterMs };
    }
    if (task.compensating !== undefined) {
      const what = `The compensation of ${host.recovery.handlerOf(task.event)}`;
      return this.#stop(task, new CompensationFailedError(what, task.compensating, { cause: verdict.error }));
    }
    return this.#giveUp(task, verdict.error, guard.recovery.onFailure);
  }

  /** True if the source keeps aside what cannot be handled. */
  refused(ticket: number, error: Error, refusal: 'park' | 'skip' = 'park'): boolean {
    if (this.#parts.mark.refuse === undefined) return false;
    this.#parts.mark.refuse(ticket, refusal, describeError(error));
    return true;
  }

  /** What becomes of an event whose tries are used up. */
  #giveUp(task: EventTask, error: Error, action: FailureAction | undefined): TaskOutcome {
    const { mark } = this.#parts;
    const taken = action ?? (mark.refuse === undefined ? 'stop' : 'park');
    switch (taken) {
      case 'stop':
        return this.#stop(task, error);
      case 'skip':
        this.#note('skip', task, error);
        return this.refused(task.ticket, error, 'skip') ? 'finished' : this.#parts.finish(task);
      case 'compensate':
        task.compensating = error;
        task.tries = undefined;
        task.attempt = 0;
        return { retryAfterMs: 0 };
      case 'park':
        if (this.refused(task.ticket, error)) return 'finished';
        return this.#later(task, async (signal) => {
          await this.#parts.host.recovery.parking.park(
            letterOf({ ...this.#letter(task), error }),
            error,
            signal,
          );
          this.#note('park', task, error);
          return this.#parts.finish(task);
        });
      default:
        return taken satisfies never;
    }
  }

  /** An event has been compensated. */
  compensated(task: EventTask, failure: Error): LaneOutcome {
    this.#note('compensate', task, failure);
    return this.#parts.finish(task);
  }

  #stop(task: EventTask, error: Error): LaneOutcome {
    this.#parts.fail({ error, event: task.event, attempts: task.attempt });
    return 'blocked';
  }

  /** Does what takes time, and tells what became of the event. If even that fails, the processor does. */
  #later(task: EventTask, work: (signal: AbortSignal) => Promise<LaneOutcome>): undefined {
    const { signal } = this.#parts.host;
    void work(signal)
      .catch((thrown: unknown) => (signal.aborted ? 'blocked' : this.#stop(task, toError(thrown))))
      .then((outcome) => this.#parts.settle(task, outcome));
    return undefined;
  }

  #letter({ event, part, sequence, attempt }: EventTask): Omit<Parameters<typeof letterOf>[0], 'error'> {
    return { event, part, sequence, attempts: attempt, handler: this.#parts.host.recovery.handlerOf(event) };
  }

  #note(action: Exclude<FailureAction, 'stop'>, task: EventTask, error: Error | undefined): void {
    const { host } = this.#parts;
    host.gaveUp({ action, event: task.event, error, attempts: task.attempt });
  }

  #noteOutage(verdict: Verdict, error: Error): void {
    if (verdict.kind !== 'outage') return this.backendIsThere();
    this.#outage.begin(verdict.afterMs);
    this.#parts.host.outage(error);
  }
}
