import { TidemarkError } from '@tidemark/core';

/** A handler of a saga threw. It is tried again by the policy of the saga's processor, which then stops with health red. */
export class SagaHandlerError extends TidemarkError {
  readonly code = 'saga-handler';

  /** @param handler the method or the role of the function, e.g. `planned`
   *  @param input what it was given, e.g. `event research.planned` */
  constructor(
    readonly saga: string,
    readonly key: string,
    readonly handler: string,
    readonly input: string,
    cause: unknown,
  ) {
    super(`Saga "${saga}", instance "${key}": handler ${handler} failed on ${input}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** A saga handler asked for something that makes no sense where the instance stands: a mistake in the saga's code. */
export class SagaUsageError extends TidemarkError {
  readonly code = 'saga-usage';
}

/** A field of a saga's state cannot be kept as JSON and come back the same. */
export class SagaStateError extends TidemarkError {
  readonly code = 'saga-state';

  /** @param path where in the state, e.g. `findings[2].at` */
  constructor(
    readonly saga: string,
    readonly path: string,
    reason: string,
  ) {
    super(
      `The state of saga "${saga}" cannot be recorded: ${path} ${reason}. ` +
        'Keep plain JSON in its fields: strings, finite numbers, booleans, null, arrays and plain objects; ' +
        'a time, for example, as `date.toISOString()`.',
    );
  }
}

/** There is no such instance. */
export class SagaNotFoundError extends TidemarkError {
  readonly code = 'saga-not-found';

  constructor(
    readonly saga: string,
    readonly key: string,
  ) {
    super(
      `Saga "${saga}" has no instance "${key}". See \`sagas.list({ saga: '${saga}' })\` for those that there are.`,
    );
  }
}

/** What was asked of an instance is not possible in its present state, for example a decision on an approval that is not pending. */
export class SagaStatusError extends TidemarkError {
  readonly code = 'saga-status';

  constructor(
    readonly saga: string,
    readonly key: string,
    readonly reason: string,
  ) {
    super(`Saga "${saga}", instance "${key}": ${reason}`);
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
