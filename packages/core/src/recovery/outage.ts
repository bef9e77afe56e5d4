import { StoreUnavailableError } from '../log/errors.js';

/** Errors that wrap one another go this deep at most; chains may be cyclic. */
const mostCauses = 10;

/**
 * True for an error that says the backend is away rather than that the event or its handler is at fault, whoever wrapped it on
 * the way. Such a try does not count against the retry policy: an outage longer than the policy's patience must not fail every
 * processor.
 */
export const isOutage = (error: unknown): boolean => {
  let found = error;
  try {
    for (let depth = 0; depth < mostCauses && found instanceof Error; depth++) {
      if (found instanceof StoreUnavailableError) return true;
      found = found.cause;
    }
  } catch {
    // What throws when it is looked at is none of our errors.
  }
  return false;
};
