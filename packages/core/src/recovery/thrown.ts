import { types } from 'node:util';
import { TidemarkError } from '../error.js';

/** Longest text taken from a thrown value into a message of ours. */
const MOST_CHARACTERS = 300;

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
  thrown instanceof Error || types.isNativeError(thrown) ? thrown : new NonErrorThrownError(thrown);

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

const shorten = (text: string): string =>
  text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}…`;
