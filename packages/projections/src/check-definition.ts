import { ConfigurationError } from '@tidemark/core';

/**
 * Refuses what a store could not keep, or nothing would come of.
 *
 * @param by what makes the definition, for messages: `@Projection on class Board (src/board.ts:3:1)`
 * @throws {ConfigurationError} a bad name or version, no handler, or two for one event
 */
export const checkDefinition = (
  by: string,
  {
    name,
    version,
    types,
  }: { readonly name: unknown; readonly version: unknown; readonly types: readonly string[] },
): void => {
  if (
    typeof name !== 'string' ||
    name === '' ||
    name.length > 150 ||
    name.includes('\0') ||
    name.includes('@')
  ) {
    throw new ConfigurationError(
      `${by} needs an explicit name of 1 to 150 characters, without NUL and "@": the read model and its checkpoints are ` +
        'stored under it.',
    );
  }
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) {
    throw new ConfigurationError(`${by} has version ${String(version)}: versions are integers from 1.`);
  }
  if (types.length === 0) {
    throw new ConfigurationError(`${by} handles nothing: give it a handler for the events that it shows.`);
  }
  const twice = types.find((type, index) => types.indexOf(type) !== index);
  if (twice !== undefined) {
    throw new ConfigurationError(`${by} handles "${twice}" twice. Keep one handler for it.`);
  }
};
