import { TidemarkError } from '../error.js';

/** No registered aggregate or handler takes commands of this type. */
export class UnknownCommandError extends TidemarkError {
  readonly code = 'unknown-command';

  constructor(readonly commandType: string) {
    super(
      `No handler is registered for command "${commandType}": list the aggregate or handler that takes it in ` +
        '"register" of the application.',
    );
  }
}

/** The command bus takes no commands: the application has not started, or is stopping. */
export class NotRunningError extends TidemarkError {
  readonly code = 'not-running';
}
