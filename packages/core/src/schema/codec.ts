import { SerializationError } from './errors.js';
import { findCulprit, pathOf } from './json-check.js';

/** Makes text of data for a store, and data of the text. What it writes it must read back as it was. */
export interface Codec {
  /**
   * @param value what to write
   * @param where its name in errors, e.g. `data`
   * @throws {SerializationError} when something of the value would be lost; its `path` names the culprit
   */
  encode(value: unknown, where: string): string;

  /** @throws {SerializationError} the text was not written by this codec */
  decode(text: string): unknown;
}

/**
 * JSON that refuses instead of losing: what reads back differently (`undefined` in an array, `NaN`, a Map, a bigint, …)
 * is a {@link SerializationError}. Properties that are `undefined` are left out; `toJSON` is honoured, so a Date becomes
 * its ISO string; own `__proto__` keys are data like any other; lone surrogates and `\u0000` survive.
 */
export const jsonCodec: Codec = {
  encode(value, where) {
    const culprit = findCulprit(value);
    if (culprit !== undefined) throw new SerializationError(where, pathOf(where, culprit), culprit.reason);
    const text: string | undefined = stringify(value, where);
    if (text === undefined) throw new SerializationError(where, where, 'is left out by its toJSON method');
    return text;
  },

  decode(text) {
    try {
      return JSON.parse(text);
    } catch {
      // The parser's own message quotes the text, which may be sensitive.
      throw new SerializationError(
        'stored text',
        'The stored text',
        `(${text.length} characters) is not JSON: it was not written by this codec, or was cut off.`,
      );
    }
  },
};

const stringify = (value: unknown, where: string): string => {
  try {
    return JSON.stringify(value);
  } catch (error) {
    // Within the depth allowed it fails only when a toJSON or a getter throws, or when hardly any stack is left.
    throw new SerializationError(where, where, `cannot be written as JSON: ${reasonOf(error)}`);
  }
};

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : 'something was thrown';
