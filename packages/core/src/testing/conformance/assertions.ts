import assert from 'node:assert/strict';
import { ConcurrencyError } from '../../log/errors.js';
import type { ExpectedVersion } from '../../log/event-store.js';
import type { Class } from '../../model/definition.js';

/** Asserts that it is refused with a typed error, and gives the error. */
export const refused = async <Failure extends Error>(
  kind: Class<Failure>,
  attempt: () => Promise<unknown>,
): Promise<Failure> => {
  let outcome: unknown;
  try {
    outcome = await attempt();
  } catch (error) {
    if (error instanceof kind) return error;
    throw new assert.AssertionError({
      message: `refused, but with ${describe(error)} instead of ${kind.name}`,
      actual: error,
      expected: kind,
    });
  }
  throw new assert.AssertionError({
    message: `not refused, though ${kind.name} was expected`,
    actual: outcome,
    expected: kind,
  });
};

/** Asserts a {@link ConcurrencyError} that says what was expected and what was found. */
export const conflicts = async (
  stream: string,
  expected: ExpectedVersion,
  actual: number | undefined,
  attempt: () => Promise<unknown>,
): Promise<void> => {
  const error = await refused(ConcurrencyError, attempt);
  assert.deepEqual(
    { stream: error.stream, expected: error.expected, actual: error.actual },
    { stream, expected, actual },
  );
};

const describe = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error);
