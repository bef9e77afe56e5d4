import { TidemarkError } from '../error.js';
import type { ExpectedVersion } from './event-store.js';

/** The stream was not where the append expected it. Load it again and decide anew. */
export class ConcurrencyError extends TidemarkError {
  readonly code = 'concurrency';

  /**
   * @param actual the stream's last version, or `undefined` if it does not exist or is soft-deleted
   * @param duplicateId id of an event of this append that is in the stream already, but not with all the others at the
   * place asked for; so this is not the append that was done before, and it cannot be done again
   */
  constructor(
    readonly stream: string,
    readonly expected: ExpectedVersion,
    readonly actual: number | undefined,
    readonly duplicateId?: string | undefined,
  ) {
    super(
      duplicateId === undefined
        ? `Stream "${stream}" was expected at ${typeof expected === 'number' ? `version ${expected}` : `"${expected}"`} ` +
            `but ${actual === undefined ? 'does not exist' : `is at version ${actual}`}. Load it again and decide anew.`
        : `Event ${duplicateId} is in stream "${stream}" already, but not with the same events around it ` +
            'at the place asked for: this is not a repetition of what was appended. Load it again and decide anew.',
    );
  }
}

/** The stream was tombstoned: it can never be read or written again. */
export class StreamTombstonedError extends TidemarkError {
  readonly code = 'stream-tombstoned';

  constructor(readonly stream: string) {
    super(
      `Stream "${stream}" was tombstoned: it can never be read or written again. Use another stream name.`,
    );
  }
}

/** A value passed to the store cannot be used. Nothing was written. */
export class InvalidArgumentError extends TidemarkError {
  readonly code = 'invalid-argument';

  /** @param argument which argument, as a path such as `events[2].id` */
  constructor(
    readonly argument: string,
    reason: string,
  ) {
    super(`${argument} ${reason}`);
  }
}

/** The store cannot do this at all; see its `capabilities`. */
export class UnsupportedError extends TidemarkError {
  readonly code = 'unsupported';
}

/** The store was closed, or could not be reached; see the cause. */
export class StoreUnavailableError extends TidemarkError {
  readonly code = 'store-unavailable';
}
