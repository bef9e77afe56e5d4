import { Metadata, type ServiceError, status } from '@grpc/grpc-js';

/** A refusal as the server sends it: a status, and trailers that say which error it is. */
export class RpcError extends Error implements ServiceError {
  override readonly name = 'RpcError';
  readonly metadata: Metadata;

  constructor(
    readonly code: status,
    readonly details: string,
    trailers: Readonly<Record<string, string>> = {},
  ) {
    super(details);
    this.metadata = new Metadata();
    for (const [key, value] of Object.entries(trailers)) this.metadata.set(key, value);
  }
}

/** The server may not be written to; another one may. */
export const notLeader = (host: string, port: number): RpcError =>
  new RpcError(status.NOT_FOUND, 'Leader info available', {
    exception: 'not-leader',
    'leader-endpoint-host': host,
    'leader-endpoint-port': `${port}`,
  });

/** The user may not do this. */
export const accessDenied = (): RpcError =>
  new RpcError(status.PERMISSION_DENIED, 'Access Denied', { exception: 'access-denied' });

/** The stream has a tombstone. */
export const streamDeleted = (streamId: string): RpcError =>
  new RpcError(status.FAILED_PRECONDITION, `Event stream '${streamId}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': streamId,
  });

/** A delete or a tombstone expected another version. */
export const wrongExpectedVersion = (streamId: string, expected: bigint, actual: bigint): RpcError =>
  new RpcError(
    status.FAILED_PRECONDITION,
    `Delete failed due to WrongExpectedVersion. Stream: ${streamId}, Expected version: ${expected}, Actual version: ${actual}`,
    {
      exception: 'wrong-expected-version',
      'stream-name': streamId,
      'expected-version': `${expected}`,
      'actual-version': `${actual}`,
    },
  );

/** One append holds more than the server takes. */
export const maximumAppendSizeExceeded = (bytes: number): RpcError =>
  new RpcError(status.INVALID_ARGUMENT, `Maximum Append Size of ${bytes} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': `${bytes}`,
  });

/** An error about one group of a persistent subscription. */
export const groupError = (
  code: status,
  exception: string,
  details: string,
  streamId: string,
  group: string,
): RpcError => new RpcError(code, details, { exception, 'stream-name': streamId, 'group-name': group });
