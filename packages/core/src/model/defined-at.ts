import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Where in the user's source a decorator or builder was called, as `file:line:column`, with the file relative to the
 * working folder. To be called in the function itself.
 *
 * @param callee the function that asks who called it
 */
export const definedAt = (callee: (...parameters: never[]) => unknown): string => {
  const holder: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(holder, callee);
  const { stack } = holder;
  Error.stackTraceLimit = limit;
  return placeIn(stack);
};

/** The place that the first frame of a stack names. */
export const placeIn = (stack: unknown): string => {
  const frame = typeof stack === 'string' ? /^\s+at (?:.*\()?(.+):(\d+):(\d+)\)?$/m.exec(stack) : null;
  if (frame === null) return 'an unknown place';
  const [, file = '', line, column] = frame;
  const path = file.startsWith('file://') ? fileURLToPath(file) : file;
  const near = relative(process.cwd(), path);
  return `${near.startsWith('..') ? path : near}:${line}:${column}`;
};
