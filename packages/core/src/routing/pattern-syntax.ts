import { ConfigurationError } from '../error.js';

/** Longest pattern, in UTF-16 code units. */
const longestPattern = 500;

/** NUL, and surrogates without their other half: no store can hold a name with one. */
const unstorable = /\0|\p{Surrogate}/u;

/** True if every store can hold the text. */
export const isStorable = (text: string): boolean => !unstorable.test(text);

/** True if the pattern stands for more than one text. */
export const hasWildcard = (pattern: string): boolean => withoutEscapes(pattern).includes('*');

/** The pattern without its escaped characters: what is left of `*` in it are wildcards. */
export const withoutEscapes = (pattern: string): string => pattern.replaceAll(/\\./g, '');

/** The fixed texts before, between and behind the wildcards. */
export const piecesOf = (pattern: string): readonly string[] => {
  const pieces: string[] = [];
  let piece = '';
  for (let at = 0; at < pattern.length; at += 1) {
    if (pattern[at] === '*') {
      pieces.push(piece);
      piece = '';
      continue;
    }
    if (pattern[at] === '\\') at += 1;
    piece += pattern[at] ?? '';
  }
  return [...pieces, piece];
};

/**
 * @param where what the pattern is of, for the error
 * @throws {ConfigurationError} it is no text of 1 to 500 characters, has a backslash before another character than `*` and
 * `\`, or characters that no store can hold
 */
export const checkPattern = (pattern: unknown, where: string): void => {
  if (typeof pattern !== 'string') {
    throw new ConfigurationError(`${where} must be text, not ${pattern === null ? 'null' : typeof pattern}.`);
  }
  if (pattern.length === 0 || pattern.length > longestPattern) {
    throw new ConfigurationError(
      `${where} has ${pattern.length} characters: a pattern has 1 to ${longestPattern}. For everything, write "**".`,
    );
  }
  if (!isStorable(pattern)) {
    throw new ConfigurationError(`${where} has a NUL or half of a surrogate pair in it, which no name has.`);
  }
  const end = /^(?:[^\\]|\\[*\\])*/.exec(pattern)?.[0].length ?? 0;
  if (end < pattern.length) {
    throw new ConfigurationError(
      `${where}, "${pattern}", has a backslash as character ${end + 1} that stands before neither "*" nor "\\": write it twice.`,
    );
  }
};

/**
 * A regular expression as it can be kept and asked again and again.
 *
 * @throws {ConfigurationError} it remembers where it matched last (flags `g` and `y`)
 */
export const checkedExpression = (expression: RegExp, where: string): RegExp => {
  if (!expression.global && !expression.sticky) return expression;
  throw new ConfigurationError(
    `${where}, ${String(expression)}, has the flag "${expression.global ? 'g' : 'y'}": it would match every other time only. Leave it out.`,
  );
};
