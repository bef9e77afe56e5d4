import type { RecordedEvent } from '../messages/event.js';
import type { FailureAction } from '../model/handler-policy.js';
import type { BreakerStatus } from '../recovery/breaker.js';
import type { DeadLetterTotals } from '../recovery/parking.js';
import type { SlowCall } from '../recovery/slow-calls.js';

/**
 * - `stopped`: does nothing; not yet started, or ended on request
 * - `starting`: loads its checkpoint
 * - `running`: follows the log
 * - `paused`: starts no handler; what was delivered waits in memory
 * - `draining`: ends: finishes what is in hand, then is `stopped`
 * - `failed`: stands still at an event that could not be handled, or because another instance took over
 */
export type ProcessorState = 'stopped' | 'starting' | 'running' | 'paused' | 'draining' | 'failed';

/** Why a processor stands still. */
export interface ProcessorFailure {
  /** What was thrown; wrapped if it was no `Error`. */
  readonly error: Error;
  /** What happened, where, and what to do, in one sentence or two. */
  readonly reason: string;
  /** The event that could not be handled; `undefined` where it was not about one event. */
  readonly event?: RecordedEvent | undefined;
  /** How often it was tried; 0 where nothing was tried. */
  readonly attempts: number;
  readonly at: Date;
}

/** What keeps a running processor from going on as it should; it tries again by itself. */
export interface ProcessorDegradation {
  readonly reason: string;
  readonly error: Error | undefined;
  readonly since: Date;
}

/** An event that was not handled, and what was done with it. */
export interface ProcessorGivenUp {
  readonly action: Exclude<FailureAction, 'stop'>;
  readonly event: RecordedEvent;
  /** `undefined` for one that was not tried, since it waits behind another. */
  readonly error: Error | undefined;
  readonly at: Date;
}

/** A processor as seen from outside, at one moment. */
export interface ProcessorStatus {
  readonly name: string;
  /** What it is to the user: `processor`, `projection`, `saga`. */
  readonly role: string;
  readonly state: ProcessorState;
  /** Everything up to and including this position is handled; `undefined` before the first. */
  readonly position: bigint | undefined;
  /** The stored checkpoint: a new start begins behind it. At most a little behind `position`. */
  readonly checkpoint: bigint | undefined;
  /** True if everything that the log held at the last look is handled. */
  readonly caughtUp: boolean;
  /** Events handled since the runner was made. */
  readonly handled: number;
  /** Tries that failed and were, or will be, tried again, since the runner was made. */
  readonly retried: number;
  /**
   * Events that its source delivered again, since the runner was made: a group of consumers does that after a lost
   * connection, or where another consumer left. Always 0 where it follows the log itself.
   */
  readonly redelivered: number;
  /** Events that could not be handled and were put aside, since the runner was made. */
  readonly parked: number;
  /** Events that were left out because they could not be handled and the policy says `skip`, since the runner was made. */
  readonly skipped: number;
  /** Events that could not be handled and were compensated, since the runner was made. */
  readonly compensated: number;
  /** What was last given up by one of these. */
  readonly lastGivenUp?: ProcessorGivenUp | undefined;
  /** Circuit breakers of its handlers that are not closed: their events wait. */
  readonly breakers: readonly BreakerStatus[];
  /** Calls of its handlers that take longer than a minute, or were left behind. */
  readonly slow: readonly SlowCall[];
  /** Its dead letters, as far as is known in this process: others may have handled some since. */
  readonly deadLetters: DeadLetterTotals;
  /** Handlers running right now. */
  readonly inFlight: number;
  /** Events delivered and not yet handled, those in flight included. */
  readonly pending: number;
  /**
   * Names of the segments that this node has, where the work is shared among nodes. `position`, `checkpoint` and `caughtUp` then
   * count for all segments as far as this node knows, all other numbers for its own.
   */
  readonly segments?: readonly string[] | undefined;
  /** Why it failed; kept until the next start. */
  readonly failure?: ProcessorFailure | undefined;
  /** What it has trouble with while it goes on trying. */
  readonly degraded?: ProcessorDegradation | undefined;
}
