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
    const text = writeJson(value, where);
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

const writeJson = (value: unknown, where: string): string | undefined => {
  try {
    const culprit = findCulprit(value);
    if (culprit === undefined) return JSON.stringify(value);
    throw new SerializationError(where, pathOf(where, culprit), culprit.reason);
  } catch (cause) {
    if (cause instanceof SerializationError) throw cause;
    throw new SerializationError(where, where, 'cannot be written as JSON: a getter or toJSON method threw', {
      cause,
    });
  }
};
