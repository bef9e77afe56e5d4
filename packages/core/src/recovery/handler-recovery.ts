import { ConfigurationError } from '../error.js';
import type { RecordedEvent } from '../messages/event.js';
import type { ErrorKind } from '../model/error-rules.js';
import { failureActions, type FailureAction, type HandlerPolicy } from '../model/handler-policy.js';
import type { RetryPolicy } from '../model/processor-definition.js';
import { classify } from './classify.js';
import { isOutage } from './outage.js';
import { RetrySchedule, type RetryWaits } from './retry-schedule.js';

/** Kinds of errors after which there may be another try. */
const retried = ['transient', 'rate-limited', 'permanent'] as const;
type RetriedKind = (typeof retried)[number];

/** Tries unless the policy says otherwise. */
const defaultAttempts: Readonly<Record<RetriedKind, number | undefined>> = {
  transient: undefined,
  'rate-limited': 20,
  permanent: 1,
};

/** The share of a given delay by which waits are spread, so that what was refused together does not come back together. */
const SPREAD = 0.1;

/** What the failed tries of one piece of work were like. */
export interface Tries {
  /** Those that count, by kind. */
  readonly failures: Map<ErrorKind, number>;
  /** For what is no failure of its own, such as an outage. */
  outageWaits: RetryWaits | undefined;
  readonly waits: Map<RetriedKind, RetryWaits>;
}

/** What is to be done about a failed try. */
export type Verdict =
  /** Again after a wait. Of an `outage`, the try did not count. */
  | { readonly kind: 'retry' | 'outage'; readonly afterMs: number; readonly errorKind: ErrorKind }
  /** The tries are used up. */
  | { readonly kind: 'give-up'; readonly errorKind: ErrorKind; readonly error: Error };

/** No try has failed yet. */
export const noTries = (): Tries => ({ failures: new Map(), outageWaits: undefined, waits: new Map() });

/** Judges the failed tries of one handler, by its policy: a plain function of the error and the tries before it. */
export class HandlerRecovery {
  /** What is done when the tries are used up; `undefined` if the policy leaves it open. */
  readonly onFailure: FailureAction | undefined;
  readonly #policy: HandlerPolicy;
  readonly #schedules: Readonly<Record<RetriedKind, RetrySchedule>>;

  /**
   * @param retry what holds where the policy says nothing of retries
   * @param subject whose policy it is, for messages
   * @throws {ConfigurationError} a number of tries, a wait or an action that makes no sense
   */
  constructor(policy: HandlerPolicy, retry: RetryPolicy | undefined, subject: string) {
    this.#policy = policy;
    this.onFailure = policy.onFailure;
    const action: unknown = policy.onFailure;
    if (action !== undefined && !failureActions.some((known) => known === action)) {
      throw new ConfigurationError(
        `"onFailure" of ${subject} is ${JSON.stringify(action)}: it must be one of ${failureActions.join(', ')}.`,
      );
    }
    const scheduleOf = (kind: RetriedKind): RetrySchedule => {
      const base = policy.retry ?? retry ?? {};
      const attempts = defaultAttempts[kind];
      return new RetrySchedule({
        ...base,
        ...(attempts === undefined ? {} : { attempts }),
        ...policy.retryBy?.[kind],
      });
    };
    this.#schedules = {
      transient: scheduleOf('transient'),
      'rate-limited': scheduleOf('rate-limited'),
      permanent: scheduleOf('permanent'),
    };
  }

  /** What the error says, after the policy's rules. */
  kindOf(error: Error, event: RecordedEvent | undefined): ErrorKind {
    return classify(error, event, this.#policy.errors ?? []).kind;
  }

  /**
   * Judges a failed try, and notes it in the tries.
   *
   * @param isExcused true if it must not count, since what the handler depends on is away
   */
  judge(error: Error, event: RecordedEvent | undefined, tries: Tries, isExcused = false): Verdict {
    if (isOutage(error)) {
      tries.outageWaits ??= this.#schedules.transient.waits();
      return { kind: 'outage', afterMs: tries.outageWaits.next(), errorKind: 'transient' };
    }
    const { kind, delayMs, ruleFailure } = classify(error, event, this.#policy.errors ?? []);
    if (kind === 'poison') return { kind: 'give-up', errorKind: kind, error };
    const schedule = this.#schedules[kind];
    if (!isExcused || kind !== 'transient') {
      const failures = (tries.failures.get(kind) ?? 0) + 1;
      tries.failures.set(kind, failures);
      if (failures >= schedule.attempts || ruleFailure !== undefined) {
        return { kind: 'give-up', errorKind: kind, error: ruleFailure ?? error };
      }
    }
    return {
      kind: 'retry',
      errorKind: kind,
      afterMs: delayMs === undefined ? this.#wait(kind, tries) : spread(delayMs),
    };
  }

  /** The wait before the next try of this kind. */
  #wait(kind: RetriedKind, tries: Tries): number {
    let waits = tries.waits.get(kind);
    if (waits === undefined) {
      waits = this.#schedules[kind].waits();
      tries.waits.set(kind, waits);
    }
    return waits.next();
  }
}

/** The delay, and a little more. */
const spread = (delayMs: number): number => delayMs * (1 + Math.random() * SPREAD);
