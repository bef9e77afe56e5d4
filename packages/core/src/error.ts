/**
 * The base of every error that Tidemark throws on purpose. Catch it to tell our errors from bugs.
 *
 * The message says what was wrong, where, and what to do; the fields of each subclass hold the same as data.
 */
export abstract class TidemarkError extends Error {
  /** A stable name of the kind of error, e.g. `concurrency`; safe to switch on and to log. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The application is put together wrongly: a name used twice, a handler for nothing, a missing capability. */
export class ConfigurationError extends TidemarkError {
  readonly code = 'configuration';
}
