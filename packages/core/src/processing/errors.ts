import { CheckpointConflictError } from '../backend/checkpoints.js';
import type { DeadLetter } from '../backend/dead-letters.js';
import { LeaseLostError } from '../backend/leases.js';
import { TidemarkError } from '../error.js';
import type { RecordedEvent } from '../messages/event.js';
import type { ProcessorFailure } from '../observation/processor-status.js';
import { describeError } from '../recovery/thrown.js';
import type { GivenUp } from './dispatcher.js';

/** The processor stands still, so what was waited for will not come by itself. See `failure`. */
export class ProcessorFailedError extends TidemarkError {
  readonly code = 'processor-failed';

  constructor(
    readonly processor: string,
    readonly failure: ProcessorFailure,
  ) {
    super(failure.reason, { cause: failure.error });
  }
}

/** What went wrong, before it is put into words. */
export type FailureCause = Pick<ProcessorFailure, 'error' | 'event' | 'attempts'>;

/** One or two sentences: what happened to which processor, at which event, and what to do. Never shows event data. */
export const failureReason = (subject: string, { error, event, attempts }: FailureCause): string => {
  if (error instanceof CheckpointConflictError || error instanceof LeaseLostError)
    return `${subject} has let go: ${error.message}`;
  const where = event === undefined ? '' : ` at ${described(event)}`;
  const tries = attempts === 0 ? '' : ` after ${attempts} ${attempts === 1 ? 'try' : 'tries'}`;
  // Most messages are sentences already.
  const what = describeError(error).replace(/\.$/, '');
  return `${subject} has failed${where}${tries}: ${what}. Mend the cause, then start it again; it goes on there.`;
};

/** One sentence: what was done with an event that could not be handled, and why. Never shows event data. */
export const givenUpReason = (subject: string, { action, event, error, attempts }: GivenUp): string => {
  const done = { park: 'parked', skip: 'skipped', compensate: 'compensated' }[action];
  const why = error === undefined ? '' : `: ${describeError(error).replace(/\.$/, '')}`;
  return `${subject} has ${done} ${described(event)} after ${attempts} ${attempts === 1 ? 'try' : 'tries'}${why}.`;
};

const described = ({ type, stream, version, position }: RecordedEvent): string =>
  `event "${type}" (stream "${stream}", version ${version}, position ${position})`;

/** The event of a dead letter is no longer in the log, or its processor gets it no more. */
export class EventGoneError extends TidemarkError {
  readonly code = 'event-gone';

  constructor(readonly letter: DeadLetter) {
    super(
      `event "${letter.type}" (stream "${letter.stream}", version ${letter.version}, position ${letter.position}) cannot be tried again: ` +
        'it is no longer in the log, or the processor gets it no more. Discard its dead letter.',
    );
  }
}
