import { describe, expect, it } from '@jest/globals';
import { ConcurrencyError, ConfigurationError, StoreUnavailableError } from '@tidemark/core';
import {
  CredentialsRefusedError,
  EventStoreDbError,
  isOutage,
  missingPackage,
  PermissionDeniedError,
  storeError,
} from './errors.js';

/** An error as a client throws it. */
const clientError = (type: string | undefined, message = '', code?: unknown): Error =>
  Object.assign(new Error(message), type === undefined ? {} : { type }, code === undefined ? {} : { code });

describe('what may work when it is done again', () => {
  it.each([
    ['nothing at all, which the client rejects with when the server is not ready', undefined, true],
    ['a server that is away', clientError('unavailable'), true],
    ['another leader', clientError('not-leader'), true],
    ['a call that the connection took with it', clientError('cancelled'), true],
    [
      'a cluster that nobody answers for',
      clientError(undefined, 'Failed to discover after 10 attempts.'),
      true,
    ],
    ['a reset connection, named by its code', clientError(undefined, '', 'ECONNRESET'), true],
    ['a stream that was written to behind its end', clientError('unknown', 'write after end'), true],
    ['a conflict', clientError('wrong-expected-version', 'ECONNRESET'), false],
    ['something unknown', clientError('unknown', 'Exception was thrown by handler.'), false],
    ['a bug', new TypeError('x is not a function'), false],
    ['what is no error', 'ECONNRESET', false],
  ])('%s: %#', (_, error, expected) => {
    expect(isOutage(error)).toBe(expected);
  });
});

describe('the error for a call that failed', () => {
  const told = (error: unknown): Error => storeError(error, 'host:2113', 'reading stream "a"');

  it('names server and call, and keeps the cause', () => {
    const cause = clientError('unavailable', '14 UNAVAILABLE');
    expect(told(cause)).toMatchObject({
      constructor: StoreUnavailableError,
      message: 'EventStoreDB at host:2113 could not be reached for reading stream "a": 14 UNAVAILABLE.',
      cause,
    });
    expect(told(undefined).message).toContain('it gave no reason');
    expect(told(clientError('deadline-exceeded')).message).toContain('deadline-exceeded');
    expect(told(clientError('unknown', 'broken'))).toBeInstanceOf(EventStoreDbError);
    expect(told('text').message).toContain('unknown error');
    expect(told(new RangeError()).message).toContain('RangeError');
    const own = new ConcurrencyError('a', 0, 1);
    expect(told(own)).toBe(own);
  });

  it('tells wrong credentials from a missing right, by code or by words', () => {
    expect(told(clientError('access-denied', '', 16))).toBeInstanceOf(CredentialsRefusedError);
    expect(told(clientError('access-denied', 'UNAUTHENTICATED'))).toBeInstanceOf(CredentialsRefusedError);
    expect(told(clientError('access-denied', 'Access Denied', 7))).toBeInstanceOf(PermissionDeniedError);
    expect(told(clientError('access-denied'))).toBeInstanceOf(PermissionDeniedError);
  });

  it('says what to install', () => {
    const cause = new Error('Cannot find package');
    expect(missingPackage(cause)).toMatchObject({ constructor: ConfigurationError, cause });
    expect(missingPackage(cause).message).toContain('npm install @eventstore/db-client');
  });
});
