import { TidemarkError } from '../error.js';

/** A try took longer than it may. */
export class HandlerTimeoutError extends TidemarkError {
  readonly code = 'handler-timeout';

  /** @param wasLeft true if the handler did not heed its signal either, and was left behind */
  constructor(
    readonly handler: string,
    readonly timeoutMs: number,
    readonly wasLeft: boolean = false,
    options?: ErrorOptions,
  ) {
    super(
      `${handler} took longer than ${timeoutMs} ms` +
        (wasLeft
          ? ' and ignored its signal: it was left behind. Have it heed context.signal.'
          : '; its signal was aborted.'),
      options,
    );
  }
}

/** So many calls were left behind, ignoring their signal, that no more may be begun. */
export class HandlersLeftError extends TidemarkError {
  readonly code = 'handlers-left';

  constructor(
    readonly handler: string,
    readonly left: number,
    options?: ErrorOptions,
  ) {
    super(
      `${left} calls of ${handler} were left behind because they ignored their signal, and are still running: no more are begun. ` +
        'Have it heed context.signal, and restart the process.',
      options,
    );
  }
}

/** The circuit breaker of a handler is open: the handler was not called. */
export class BreakerOpenError extends TidemarkError {
  readonly code = 'breaker-open';

  /** @param waitMs milliseconds until it is worth asking again */
  constructor(
    readonly breaker: string,
    readonly waitMs: number,
  ) {
    super(`The circuit breaker "${breaker}" is open; nothing was tried.`);
  }
}

/** A rule of `errors` threw, or gave what is no class of errors. */
export class ErrorRuleError extends TidemarkError {
  readonly code = 'error-rule';

  /**
   * @param failed what the rule was asked about
   */
  constructor(
    readonly failed: Error,
    what: string,
    options?: ErrorOptions,
  ) {
    super(
      `A rule of "errors" ${what}, so it is not known what to do about the failure. Mend the rule.`,
      options,
    );
  }
}

/** An event was to be compensated, and that failed as well. */
export class CompensationFailedError extends TidemarkError {
  readonly code = 'compensation-failed';

  /** @param failure why there was something to compensate */
  constructor(
    readonly compensation: string,
    readonly failure: Error,
    options: { readonly cause: Error },
  ) {
    super(`${compensation} failed, which was to compensate a failure.`, options);
  }
}

/** There is no room for another dead letter. */
export class DeadLettersFullError extends TidemarkError {
  readonly code = 'dead-letters-full';

  /**
   * @param limit what is reached: letters of the sequence, or sequences of the processor
   * @param failure why the event was to be parked; `undefined` if it only waits behind another
   */
  constructor(
    readonly processor: string,
    readonly sequence: string,
    readonly limit: { readonly of: 'letters' | 'sequences'; readonly most: number },
    readonly failure: Error | undefined,
  ) {
    super(
      `there is no room for another dead letter: ${
        limit.of === 'letters'
          ? `its sequence has ${limit.most} (deadLetters.maxLetters)`
          : `there are ${limit.most} sequences (deadLetters.maxSequences)`
      }. Retry or discard some, or allow more`,
      failure === undefined ? undefined : { cause: failure },
    );
  }
}
