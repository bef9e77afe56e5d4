import { ConfigurationError, StoreUnavailableError, TidemarkError } from '@tidemark/core';

/** The server did not take the credentials: wrong name or password, or none where some are needed. */
export class CredentialsRefusedError extends StoreUnavailableError {}

/** The user may not do this. Give it the right, in the access control list of the stream or by a group. */
export class PermissionDeniedError extends TidemarkError {
  readonly code = 'permission-denied';
}

/** EventStoreDB answered with something that has no better name; see the cause. */
export class EventStoreDbError extends TidemarkError {
  readonly code = 'eventstoredb';
}

/** The server did not answer in time, where the client itself would wait for ever. */
export class NoAnswerError extends Error {
  readonly type = 'deadline-exceeded';
}

/** The `type` of an error of the client; the same in all its versions, where classes differ. */
export const clientErrorType = (error: unknown): string | undefined =>
  error instanceof Error && 'type' in error && typeof error.type === 'string' ? error.type : undefined;

/** gRPC status codes that tell the two kinds of denied access apart. */
const unauthenticated = 16;

/** What the client says when the server is away or cannot answer now. */
const outages = new Set(['unavailable', 'deadline-exceeded', 'cancelled', 'timeout', 'not-leader']);

/** What Node and gRPC say of a connection that broke while something was being written to it. */
const brokenStream =
  /write after end|ERR_STREAM|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|socket hang up|Connection dropped|Failed to discover|not ready/i;

/** True for what may work when it is done again; whether it was done is not known. */
export const isOutage = (error: unknown): boolean => {
  // The client rejects with nothing at all when the server is not ready.
  if (error === undefined) return true;
  const type = clientErrorType(error);
  if (type !== undefined && outages.has(type)) return true;
  if (type !== undefined && type !== 'unknown') return false;
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return brokenStream.test(error.message) || brokenStream.test(code);
};

/** The error for a call that failed, without credentials in it. */
export const storeError = (error: unknown, server: string, what: string): Error => {
  if (error instanceof TidemarkError) return error;
  const reason = reasonOf(error);
  if (isOutage(error)) {
    return new StoreUnavailableError(
      `EventStoreDB at ${server} could not be reached for ${what}: ${reason}.`,
      {
        cause: error,
      },
    );
  }
  if (clientErrorType(error) === 'access-denied') {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === unauthenticated || /unauthenticated/i.test(reason)
      ? new CredentialsRefusedError(
          `EventStoreDB at ${server} did not take the credentials, for ${what}. Check name and password in the connection string or in "credentials".`,
        )
      : new PermissionDeniedError(
          `EventStoreDB at ${server} denied ${what}: the user has no right to it. Give it one in the access control list; ` +
            'reading the whole log takes a right to $all, settings of a stream one to write its metadata.',
        );
  }
  return new EventStoreDbError(`EventStoreDB at ${server} failed at ${what}: ${reason}.`, { cause: error });
};

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return error === undefined ? 'it gave no reason' : 'unknown error';
  return error.message === '' ? (clientErrorType(error) ?? error.name) : error.message;
};

/** The error for a package that is not installed. */
export const missingPackage = (cause: unknown): ConfigurationError =>
  new ConfigurationError(
    'eventStoreDb() needs the package "@eventstore/db-client", which could not be loaded: npm install @eventstore/db-client, ' +
      'or pass a client of your own as "client".',
    { cause },
  );
