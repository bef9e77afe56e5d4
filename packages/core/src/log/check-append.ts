import { validate } from 'uuid';
import { checkName, checkStreamName } from './check-names.js';
import { ConcurrencyError, InvalidArgumentError } from './errors.js';
import type { ExpectedVersion, StreamAppend } from './event-store.js';
import type { NewEvent } from '../messages/event.js';

/** The largest number that every store holds as a version. */
const largestVersion = 2 ** 31 - 1;

/**
 * Checks the id of an event and gives it in its canonical, lower-case form, in which ids are compared and stored.
 *
 * @throws {InvalidArgumentError} it is not a UUID
 */
export const canonicalId = (id: string, argument: string): string => {
  if (!validate(id)) throw new InvalidArgumentError(argument, 'must be a UUID (RFC 9562)');
  return id.toLowerCase();
};

/** @throws {InvalidArgumentError} neither one of the three words nor an integer from -1 */
export const checkExpectedVersion = (expected: ExpectedVersion, argument = 'expectedVersion'): void => {
  if (expected === 'any' || expected === 'no-stream' || expected === 'stream-exists') return;
  if (typeof expected !== 'number' || !Number.isInteger(expected) || expected < -1) {
    throw new InvalidArgumentError(
      argument,
      `must be 'any', 'no-stream', 'stream-exists' or a version (an integer from -1), but is ${String(expected)}`,
    );
  }
};

/**
 * Checks how a stream stands against what is expected of it.
 *
 * @param actual version of its last event; `undefined` if it does not exist or is soft-deleted
 * @throws {ConcurrencyError} it stands elsewhere
 */
export const checkActualVersion = (
  stream: string,
  expected: ExpectedVersion,
  actual: number | undefined,
): void => {
  if (!isExpected(expected, actual)) throw new ConcurrencyError(stream, expected, actual);
};

const isExpected = (expected: ExpectedVersion, actual: number | undefined): boolean => {
  switch (expected) {
    case 'any':
      return true;
    case 'no-stream':
      return actual === undefined;
    case 'stream-exists':
      return actual !== undefined;
    default:
      return expected === (actual ?? -1);
  }
};

const checkEvent = (event: NewEvent, argument: string, ids: Set<string>): void => {
  checkName(event.type, `${argument}.type`, 200);
  const version = event.schemaVersion ?? 1;
  if (!Number.isInteger(version) || version < 1 || version > largestVersion) {
    throw new InvalidArgumentError(`${argument}.schemaVersion`, 'must be an integer from 1');
  }
  if (event.id === undefined) return;
  const id = canonicalId(event.id, `${argument}.id`);
  if (ids.has(id)) {
    throw new InvalidArgumentError(
      `${argument}.id`,
      `(${id}) is given twice: each event needs an id of its own`,
    );
  }
  ids.add(id);
};

/**
 * Checks the arguments of an append, before anything is encoded or written. Every store calls it first.
 *
 * @throws {InvalidArgumentError} no streams or no events, a stream twice, a bad stream name, id, type or version
 */
export const checkAppends = (appends: readonly StreamAppend[]): void => {
  if (appends.length === 0) throw new InvalidArgumentError('appends', 'must not be empty');
  const streams = new Set<string>();
  for (const [index, { stream, events, expectedVersion }] of appends.entries()) {
    const within = appends.length === 1 ? '' : `appends[${index}].`;
    checkStreamName(stream, `${within}stream`);
    if (streams.has(stream)) {
      throw new InvalidArgumentError(
        `${within}stream`,
        `("${stream}") is given twice: put all its events into one append`,
      );
    }
    streams.add(stream);
    checkExpectedVersion(expectedVersion ?? 'any', `${within}expectedVersion`);
    if (events.length === 0) {
      throw new InvalidArgumentError(`${within}events`, `for stream "${stream}" must not be empty`);
    }
    const ids = new Set<string>();
    for (const [at, event] of events.entries()) checkEvent(event, `${within}events[${at}]`, ids);
  }
};
