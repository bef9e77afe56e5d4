import { ConfigurationError } from '../error.js';
import type { DeadLetterRetry } from '../model/dead-letter-options.js';

const defaults = { initialDelayMs: 60_000, maxDelayMs: 3_600_000 } as const;

/** @throws {ConfigurationError} a wait makes no sense */
export const checkRetry = (retry: DeadLetterRetry, processor: string): void => {
  const { initialDelayMs = defaults.initialDelayMs, maxDelayMs = defaults.maxDelayMs } = retry;
  for (const [name, value] of Object.entries({ initialDelayMs, maxDelayMs })) {
    if (Number.isFinite(value) && value > 0) continue;
    throw new ConfigurationError(
      `deadLetters.retry.${name} of "${processor}" must be more than 0 milliseconds, not ${String(value)}.`,
    );
  }
};

/**
 * Milliseconds until a letter is tried again: as long as it has been parked already, so that the waits double from try to try, with
 * half of that as jitter.
 *
 * @param ageMs milliseconds since it was parked
 */
export const retryDelay = (retry: DeadLetterRetry, ageMs: number): number => {
  const { initialDelayMs = defaults.initialDelayMs, maxDelayMs = defaults.maxDelayMs } = retry;
  const delay = Math.min(Math.max(ageMs, initialDelayMs), maxDelayMs);
  return delay / 2 + (Math.random() * delay) / 2;
};
