import { InvalidArgumentError } from '@tidemark/core';

/** PostgreSQL refuses rows of an index above about 2,700 bytes, and the name of the processor stands beside the key. */
const mostBytes = 2_000;

/** What text in UTF-8 cannot hold, and the mark that it is escaped by. */
const special = /[\\\0]|\p{Surrogate}/gu;

const escaped = /\\(?:(\\)|u([0-9a-f]{4}))/g;

/**
 * Writes a key of any text so that the database can hold it: NUL and lone surrogates become `\u` with four digits, and `\` is
 * doubled. Different keys stay different.
 *
 * @throws {InvalidArgumentError} it is longer than an index can hold
 */
export const storedKey = (key: string, argument = 'sequence'): string => {
  const stored = key.replaceAll(special, (character) =>
    character === '\\' ? '\\\\' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  if (Buffer.byteLength(stored) > mostBytes) {
    throw new InvalidArgumentError(argument, `must have at most ${mostBytes} bytes in UTF-8`);
  }
  return stored;
};

/** The key as it was. */
export const keyOf = (stored: string): string =>
  stored.replaceAll(escaped, (_, backslash: string | undefined, code: string) =>
    backslash === undefined ? String.fromCharCode(Number.parseInt(code, 16)) : '\\',
  );
