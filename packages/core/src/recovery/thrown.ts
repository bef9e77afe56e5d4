import { types } from 'node:util';
import type { DeadLetterError } from '../backend/dead-letters.js';
import { TidemarkError } from '../error.js';

/** Longest text taken from a thrown value into a message of ours. */
const MOST_CHARACTERS = 300;
/** Longest text of an error that is stored. */
const MOST_KEPT = 10_000;

/** Something other than an `Error` was thrown, or a promise rejected with it. */
export class NonErrorThrownError extends TidemarkError {
  readonly code = 'non-error-thrown';

  /** @param thrown what was thrown, as it was */
  constructor(readonly thrown: unknown) {
    super(
      `${describe(thrown)} was thrown, which is not an Error and so does not say where it comes from. ` +
        'Throw an instance of Error.',
    );
  }
}

/** Whatever was thrown, as an `Error`: itself if it is one (of another realm too), else wrapped. Never throws. */
export const toError = (thrown: unknown): Error =>
  isError(thrown) ? thrown : new NonErrorThrownError(thrown);

const isError = (thrown: unknown): thrown is Error => {
  try {
    return thrown instanceof Error || types.isNativeError(thrown);
  } catch {
    // A proxy that does not say what it stands for.
    return false;
  }
};

/** What can be kept of an error, as texts of bounded length, also when reading it throws. */
export const keepError = (error: Error): DeadLetterError => {
  const stack = textOf(() => error.stack);
  return {
    name: textOf(() => error.name) ?? 'Error',
    message: textOf(() => error.message) ?? 'The message cannot be read.',
    ...(stack === undefined ? {} : { stack }),
  };
};

const textOf = (read: () => unknown): string | undefined => {
  try {
    const text = read();
    return typeof text === 'string' ? shorten(text, MOST_KEPT) : undefined;
  } catch {
    return undefined;
  }
};

/** Name and message of an error in one line, also when reading them throws. Causes are not followed: they may be cyclic. */
export const describeError = (error: Error): string => {
  try {
    return shorten(`${error.name}: ${error.message}`);
  } catch {
    return 'an error whose name or message cannot be read';
  }
};

const describe = (thrown: unknown): string => {
  if (typeof thrown === 'string') return `The string "${shorten(thrown)}"`;
  if (thrown === null || ['undefined', 'number', 'bigint', 'boolean'].includes(typeof thrown)) {
    return `The value ${String(thrown)}`;
  }
  return `A value of type ${typeof thrown}`;
};

const shorten = (text: string, most = MOST_CHARACTERS): string =>
  text.length <= most ? text : `${text.slice(0, most)}…`;
