import { InvalidArgumentError } from './errors.js';

/** A surrogate without its other half: no database with UTF-8 text can hold it as it is. */
const loneSurrogate = /\p{Surrogate}/u;

/**
 * Checks text that a store uses as a name or a key: every store can hold and index what passes.
 *
 * @param argument what it is called in the error
 * @param longest most UTF-16 code units
 * @throws {InvalidArgumentError} not a string, empty, too long, or with NUL or a lone surrogate in it
 */
export const checkName = (value: string, argument: string, longest: number): void => {
  if (typeof value !== 'string') throw new InvalidArgumentError(argument, 'must be a string');
  if (value.length === 0 || value.length > longest) {
    throw new InvalidArgumentError(
      argument,
      `must have 1 to ${longest} characters, but has ${value.length}. Shorten it, or give it a name of its own.`,
    );
  }
  if (value.includes('\0') || loneSurrogate.test(value)) {
    throw new InvalidArgumentError(
      argument,
      'must be well-formed text without NUL characters: it is a name, which every store must be able to hold. ' +
        'Put free text into the data instead.',
    );
  }
};

/**
 * Checks the name of a stream: 1 to 500 characters, not starting with `$`.
 *
 * @throws {InvalidArgumentError}
 */
export const checkStreamName = (stream: string, argument = 'stream'): void => {
  checkName(stream, argument, 500);
  if (stream.startsWith('$')) {
    throw new InvalidArgumentError(argument, 'must not start with "$": such names are reserved for stores.');
  }
};
