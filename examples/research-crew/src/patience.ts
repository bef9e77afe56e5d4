import { StoreUnavailableError } from '@tidemark/core';
import { ExponentialBackoff, handleType, retry } from 'cockatiel';

/**
 * Tries again what failed because the database was away, for about a minute. The application does so by itself with all that
 * it does; this is for what the program asks beside it. Only for what may be done twice: reads, and commands with an id.
 */
export const patience = retry(handleType(StoreUnavailableError), {
  maxAttempts: 30,
  backoff: new ExponentialBackoff({ initialDelay: 100, maxDelay: 2_000 }),
});
