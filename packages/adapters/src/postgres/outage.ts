import { StoreUnavailableError } from '@tidemark/core';
import { ConnectionLostError, SqlError } from '../sql/driver.js';

/** What PostgreSQL says of an error, as `pg` hands it on. */
interface ServerError {
  readonly code: string;
  readonly message: string;
  readonly severity: string;
  readonly constraint?: unknown;
  /** The function in the server's source that raised it. */
  readonly routine?: unknown;
}

const isServerError = (error: unknown): error is ServerError =>
  error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string';

/**
 * Error codes that say that the server cannot serve now, whatever it is asked: connections that fail (08), too few resources,
 * a full disk among them (53), shutting down, starting up or crashed (57P), failed input or output (58030), and a server that
 * became a standby (25006).
 */
const isAway = (sqlState: string): boolean =>
  /^(?:08|53|57P)/.test(sqlState) || sqlState === '58030' || sqlState === readOnly;

const readOnly = '25006';
const diskFull = '53100';

const makeRoom = 'make room on the disk of the table, or raise the quota, and do it again';

/**
 * True for the error of a table that could not grow. For a full disk that is 53100, but for a quota or a limit on the size of
 * files it is an "internal error" like any other, told apart only by where it was raised.
 */
const isNoRoom = ({ code, routine }: ServerError): boolean =>
  code === 'XX000' && (routine === 'mdextend' || routine === 'mdzeroextend');

/**
 * True where the server must not be written to: a standby, or one that was set so. The connection is given up, since the next
 * one may reach the server that has taken over, and a setting of a role or database counts for new connections only.
 */
export const isReadOnly = (error: unknown): boolean => isServerError(error) && error.code === readOnly;

/** Error codes of a server that will refuse this connection again and again: authentication, an unknown database, no right. */
export const isRefusal = (sqlState: string): boolean => /^(?:28|3D|42501)/.test(sqlState);

/** True for an error behind which the connection is of no more use. */
export const endsConnection = (error: unknown): boolean =>
  !isServerError(error) || /^(?:FATAL|PANIC)$/.test(error.severity);

/** Errors of sockets come from outside of where tests are run, and are no instances of the `Error` in there. */
const isErrorLike = (error: unknown): error is { readonly message: string } =>
  typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string';

/** Why something failed, in words that hold no credentials. */
export const reasonOf = (error: unknown): string => {
  if (isServerError(error)) return `${error.message} (${error.code})`;
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (!isErrorLike(error)) return 'unknown error';
  return error.message === '' && 'code' in error ? String(error.code) : error.message;
};

/** The error for a statement that failed: neither the statement nor its parameters are in it. */
export const statementError = (error: unknown, server: string): Error => {
  if (!isServerError(error)) {
    return new ConnectionLostError(
      `The connection to PostgreSQL at ${server} was lost while a statement was under way: ${reasonOf(error)}.`,
    );
  }
  const { code, message, severity, constraint } = error;
  if (severity !== 'ERROR') {
    return new ConnectionLostError(`PostgreSQL at ${server} ended the connection: ${message} (${code}).`);
  }
  if (isAway(code) || isNoRoom(error)) {
    const advice = code === diskFull || isNoRoom(error) ? ` Nothing of this was written: ${makeRoom}.` : '';
    return new StoreUnavailableError(
      `PostgreSQL at ${server} cannot serve now: ${message} (${code}).${advice}`,
    );
  }
  return new SqlError(message, code, typeof constraint === 'string' ? constraint : undefined);
};

/** The server took the connection and refused it, and will refuse it again. */
export class ConnectionRefusedError extends StoreUnavailableError {}

/** The server is a standby, which has neither its primary's locks nor its sequence: readers would miss events. */
export class StandbyError extends Error {
  constructor() {
    super('it is a standby, whose readers would miss events; connect to the primary, or promote this one');
  }
}

/** A pooler refuses so whoever sets a parameter that it was not told of, and will again. All else it says under this code may pass. */
const isPoolerRefusal = ({ code, message }: ServerError): boolean =>
  code === '08P01' && message.startsWith('unsupported startup parameter');

/** The error for a connection that could not be made. */
export const connectError = (error: unknown, server: string): StoreUnavailableError => {
  const message = `PostgreSQL at ${server} could not be ${error instanceof StandbyError ? 'used' : 'reached'}: ${reasonOf(error)}.`;
  return isServerError(error) && (isRefusal(error.code) || isPoolerRefusal(error))
    ? new ConnectionRefusedError(message)
    : new StoreUnavailableError(message);
};
