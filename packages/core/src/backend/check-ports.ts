import { checkName, checkStreamName } from '../log/check-names.js';
import { InvalidArgumentError } from '../log/errors.js';
import type {
  DeadLetterActor,
  DeadLetterClaimOptions,
  DeadLetterError,
  DiscardOptions,
  NewDeadLetter,
  RequeueOptions,
} from './dead-letters.js';
import type { AcquireOptions } from './leases.js';
import type { AnnouncedNode } from './nodes.js';

/** @throws {InvalidArgumentError} it is not a number of milliseconds above 0 */
export const checkDuration = (milliseconds: number, argument: string): void => {
  if (!(milliseconds > 0 && Number.isFinite(milliseconds))) {
    throw new InvalidArgumentError(argument, 'must be a number of milliseconds above 0');
  }
};

/** @throws {InvalidArgumentError} it is not a number of milliseconds from 0 */
const checkDelay = (milliseconds: number | undefined, argument: string): void => {
  if (milliseconds === undefined || milliseconds === 0) return;
  checkDuration(milliseconds, argument);
};

/** @throws {InvalidArgumentError} it is not an integer from 1 */
export const checkLimit = (limit: number, argument = 'limit'): void => {
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new InvalidArgumentError(argument, 'must be an integer from 1');
  }
};

/**
 * Checks what leases are acquired by. Every store calls it first.
 *
 * @throws {InvalidArgumentError}
 */
export const checkAcquire = ({ names, owner, ttlMs }: AcquireOptions): void => {
  for (const [index, name] of names.entries()) checkName(name, `names[${index}]`, 500);
  checkName(owner, 'owner', 200);
  checkDuration(ttlMs, 'ttlMs');
};

/**
 * Checks what a node announces. Every store calls it first.
 *
 * @throws {InvalidArgumentError}
 */
export const checkNode = (
  { id, name, version, address, load, processors, startedAt }: AnnouncedNode,
  ttlMs: number,
): void => {
  checkName(id, 'node.id', 200);
  checkName(name, 'node.name', 200);
  if (version !== undefined) checkName(version, 'node.version', 200);
  if (address !== undefined) checkName(address, 'node.address', 500);
  if (load !== undefined && !(load >= 0 && Number.isFinite(load))) {
    throw new InvalidArgumentError('node.load', 'must be a number from 0');
  }
  for (const [index, processor] of (processors ?? []).entries())
    checkName(processor, `node.processors[${index}]`, 200);
  if (Number.isNaN(startedAt.getTime()))
    throw new InvalidArgumentError('node.startedAt', 'must be a valid date');
  checkDuration(ttlMs, 'ttlMs');
};

/** The largest number of a column of type `integer`. */
const largestInteger = 2 ** 31 - 1;

const checkCount = (count: number, argument: string): void => {
  if (!Number.isInteger(count) || count < 0 || count > largestInteger) {
    throw new InvalidArgumentError(argument, 'must be an integer from 0');
  }
};

const checkSequence = (sequence: string, argument: string): void => {
  if (typeof sequence !== 'string' || sequence.length > 500) {
    throw new InvalidArgumentError(argument, 'must be a string of at most 500 characters');
  }
};

const checkError = (error: DeadLetterError, argument: string): void => {
  for (const [field, value] of Object.entries({ name: error.name, message: error.message })) {
    if (typeof value !== 'string') throw new InvalidArgumentError(`${argument}.${field}`, 'must be a string');
  }
};

/**
 * Checks letters that are to be parked. Every store calls it first.
 *
 * @throws {InvalidArgumentError}
 */
export const checkLetters = (processor: string, letters: readonly NewDeadLetter[]): void => {
  checkName(processor, 'processor', 200);
  for (const [index, letter] of letters.entries()) {
    const within = `letters[${index}]`;
    checkSequence(letter.sequence, `${within}.sequence`);
    checkStreamName(letter.stream, `${within}.stream`);
    checkName(letter.type, `${within}.type`, 200);
    checkName(letter.handler, `${within}.handler`, 500);
    checkCount(letter.version, `${within}.version`);
    checkCount(letter.part ?? 0, `${within}.part`);
    checkCount(letter.attempts, `${within}.attempts`);
    checkDelay(letter.dueInMs, `${within}.dueInMs`);
    if (letter.position < 0n || letter.position >= 2n ** 63n) {
      throw new InvalidArgumentError(`${within}.position`, 'must be a position from 0');
    }
    if (letter.error !== undefined) checkError(letter.error, `${within}.error`);
  }
};

/** @throws {InvalidArgumentError} */
export const checkClaim = ({ processor, sequence, claimMs }: DeadLetterClaimOptions): void => {
  checkName(processor, 'processor', 200);
  if (sequence !== undefined) checkSequence(sequence, 'sequence');
  checkDuration(claimMs, 'claimMs');
};

/** @throws {InvalidArgumentError} */
export const checkActor = ({ by, reason }: DeadLetterActor): void => {
  checkName(by, 'by', 500);
  if (reason !== undefined) checkName(reason, 'reason', 2_000);
};

/** @throws {InvalidArgumentError} */
export const checkRequeue = (options: RequeueOptions): void => {
  checkActor(options);
  checkError(options.error, 'error');
  checkDelay(options.delayMs, 'delayMs');
};

/** @throws {InvalidArgumentError} nobody, or no reason, is named */
export const checkDiscard = (options: DiscardOptions): void => {
  checkName(options.processor, 'processor', 200);
  checkSequence(options.sequence, 'sequence');
  checkActor(options);
  checkName(options.reason, 'reason', 2_000);
};

/** What is kept of an error: its texts, whatever else it carries. */
export const keptError = ({ name, message, stack }: DeadLetterError): DeadLetterError =>
  stack === undefined ? { name, message } : { name, message, stack };

/** The place of a letter in its sequence: in the order of the log, and of parking where that is the same. */
export interface LetterPlace {
  readonly position: bigint;
  readonly part: number;
  /** The store's own number of the letter, which grows. */
  readonly number: bigint;
}

/** The id of a letter tells its place, so that a list goes on behind a letter that is gone. */
export const letterId = ({ position, part, number }: LetterPlace): string => `${position}.${part}.${number}`;

/** @throws {InvalidArgumentError} it is not the id of a letter */
export const placeOf = (id: string, argument: string): LetterPlace => {
  const [, position, part, number] = /^(\d{1,19})\.(\d{1,10})\.(\d{1,19})$/.exec(id) ?? [];
  if (position === undefined || part === undefined || number === undefined) {
    throw new InvalidArgumentError(argument, 'must be the id of a dead letter, as a list gave it');
  }
  return { position: BigInt(position), part: Number(part), number: BigInt(number) };
};

/** @throws {InvalidArgumentError} it is not the id of an entry of the audit */
export const auditNumber = (id: string): bigint => {
  if (!/^\d{1,19}$/.test(id)) {
    throw new InvalidArgumentError('after', 'must be the id of an entry of the audit, as a list gave it');
  }
  return BigInt(id);
};
