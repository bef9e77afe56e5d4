import { ConfigurationError } from '../error.js';

/**
 * Refuses names that a store could not keep.
 *
 * @param owner what the name is of, e.g. `@Event`
 * @throws {ConfigurationError} it is no string of 1 to 200 characters, or has a NUL
 */
export const checkName = (owner: string, name: unknown, place: string): void => {
  if (typeof name === 'string' && name.length > 0 && name.length <= 200 && !name.includes('\0')) return;
  throw new ConfigurationError(
    `${owner} at ${place} needs an explicit name of 1 to 200 characters, without NUL: it is stored, so it must outlive ` +
      'renamed and minified classes.',
  );
};

/** @throws {ConfigurationError} it is no integer from 1 */
export const checkVersion = (owner: string, version: unknown, place: string): void => {
  if (typeof version === 'number' && Number.isSafeInteger(version) && version >= 1) return;
  throw new ConfigurationError(
    `${owner} at ${place} has version ${String(version)}: versions are integers from 1.`,
  );
};
