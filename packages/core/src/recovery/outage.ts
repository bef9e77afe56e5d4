import { StoreUnavailableError } from '../log/errors.js';

/**
 * True for an error that says the backend is away rather than that the event or its handler is at fault. Such a try
 * does not count against the retry policy: an outage longer than the policy's patience must not fail every processor.
 */
export const isOutage = (error: unknown): boolean => error instanceof StoreUnavailableError;
