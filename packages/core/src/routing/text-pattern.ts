import { checkPattern, piecesOf } from './pattern-syntax.js';

/** Tells whether a text matches. */
export type TextMatcher = (text: string) => boolean;

/**
 * Compiles a pattern over plain text, such as names of streams: `*` stands for any characters, none as well, and so does
 * `**`; `\*` and `\\` stand for the characters themselves.
 *
 * What lies between two `*` is looked for from left to right and never again, so no pattern is slow on any text.
 *
 * @param where what the pattern is of, for the error
 * @throws {ConfigurationError} an empty or overlong pattern, or a stray backslash
 */
export const compileTextPattern = (pattern: string, where: string): TextMatcher => {
  checkPattern(pattern, where);
  const pieces = piecesOf(pattern);
  const first = pieces[0] ?? '';
  if (pieces.length === 1) return (text) => text === first;
  const last = pieces.at(-1) ?? '';
  const between = pieces.slice(1, -1).filter((piece) => piece !== '');
  if (between.length > 0) return (text) => hasAll(text, first, between, last);
  if (last === '') return first === '' ? () => true : (text) => text.startsWith(first);
  const least = first.length + last.length;
  return (text) => text.length >= least && text.startsWith(first) && text.endsWith(last);
};

const hasAll = (text: string, first: string, between: readonly string[], last: string): boolean => {
  if (!text.startsWith(first)) return false;
  let from = first.length;
  for (const piece of between) {
    const found = text.indexOf(piece, from);
    if (found < 0) return false;
    from = found + piece.length;
  }
  return text.length - from >= last.length && text.endsWith(last);
};
