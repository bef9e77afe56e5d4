import assert from 'node:assert/strict';

/**
 * Fails with a headline and the difference, line by line: `+` is what was there, `-` is what was expected.
 *
 * @throws {AssertionError}
 */
export const assertSame = (actual: unknown, expected: unknown, headline: string): void => {
  try {
    assert.deepStrictEqual(actual, expected);
  } catch (error) {
    fail(error instanceof assert.AssertionError ? `${headline}\n${error.message}` : headline);
  }
};

/** @throws {AssertionError} always */
export const fail = (message: string): never => {
  throw new assert.AssertionError({ message, operator: 'fail' });
};

/** What kind of error is expected: its class, a part of its message, or a pattern of it. */
export type ExpectedError = string | RegExp | (abstract new (...parameters: never[]) => Error);

/** @throws {AssertionError} it is another error */
export const assertError = (error: unknown, expected: ExpectedError | undefined, subject: string): void => {
  if (expected === undefined) return;
  const found = error instanceof Error ? `${error.constructor.name}: ${error.message}` : String(error);
  const message = error instanceof Error ? error.message : String(error);
  if (typeof expected === 'string') {
    if (!message.includes(expected))
      fail(`${subject} failed with\n  ${found}\nbut its message should contain\n  ${expected}`);
  } else if (expected instanceof RegExp) {
    if (!expected.test(message))
      fail(`${subject} failed with\n  ${found}\nbut its message should match\n  ${expected}`);
  } else if (!(error instanceof expected)) {
    fail(`${subject} failed with\n  ${found}\nbut a ${expected.name} was expected.`);
  }
};
