import { ConfigurationError } from '../error.js';
import { checkPattern, hasWildcard, withoutEscapes } from './pattern-syntax.js';
import { compileTextPattern, type TextMatcher } from './text-pattern.js';

/** Part of a pattern: any number of segments of the name, or one that matches. */
type Segment = '**' | TextMatcher;

/**
 * Compiles a pattern over names in dotted segments, such as event types: `agent.*.completed`.
 *
 * - `*` stands for one segment; within a segment, for any characters of it, none as well: `agent.re*.done`
 * - `**`, as a whole segment, stands for any number of segments, none as well: `agent.**` matches `agent` and `agent.a.b`
 * - `\*` and `\\` stand for the characters themselves
 *
 * Names are compared segment by segment, going back to the last `**` only (the two-pointer algorithm for globs), so it
 * takes at most the product of both numbers of segments: no pattern is slow on any name.
 *
 * @param where what the pattern is of, for the error
 * @throws {ConfigurationError} an empty or overlong pattern, an empty segment beside wildcards, `**` within a segment, or
 * a stray backslash
 */
export const compileNamePattern = (pattern: string, where: string): TextMatcher => {
  checkPattern(pattern, where);
  if (!hasWildcard(pattern)) return compileTextPattern(pattern, where);
  const segments = pattern.split('.').map((segment) => compileSegment(segment, pattern, where));
  return (name) => matchSegments(segments, name.split('.'));
};

const compileSegment = (segment: string, pattern: string, where: string): Segment => {
  if (segment === '**') return segment;
  if (segment === '') {
    throw new ConfigurationError(
      `${where}, "${pattern}", has an empty segment: write "*" for any one, "**" for any number, or remove a dot.`,
    );
  }
  if (withoutEscapes(segment).includes('**')) {
    throw new ConfigurationError(
      `${where}, "${pattern}", has "**" within the segment "${segment}": it must be a segment of its own; within one, write "*".`,
    );
  }
  return compileTextPattern(segment, where);
};

const matchSegments = (pattern: readonly Segment[], name: readonly string[]): boolean => {
  let at = 0;
  let index = 0;
  /** Where to go on, with one more segment taken by the last `**`, if what stands behind it does not fit. */
  let resumeAt = -1;
  let resumeIndex = 0;
  while (index < name.length) {
    const segment = pattern[at];
    if (segment === '**') {
      at += 1;
      resumeAt = at;
      resumeIndex = index;
    } else if (segment?.(name[index] ?? '') === true) {
      at += 1;
      index += 1;
    } else if (resumeAt >= 0) {
      resumeIndex += 1;
      index = resumeIndex;
      at = resumeAt;
    } else return false;
  }
  while (pattern[at] === '**') at += 1;
  return at === pattern.length;
};
