import type { IndexedValue } from '@tidemark/core';

/** What PostgreSQL cannot hold in text, and the two characters that pairs for it begin with: U+0001 and U+E000. */
const unusual = /\p{Cc}|\p{Surrogate}|\ue000/u;

/**
 * Text in the order of its code points that PostgreSQL can hold: NUL and lone surrogates are written as pairs of characters
 * that sort where they do. Text without them (and without the characters that begin such pairs) stays as it is.
 */
const orderedText = (text: string): string => {
  if (!unusual.test(text)) return text;
  let ordered = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code <= 1) ordered += `\u0001${String.fromCharCode(code + 1)}`;
    else if (code >= 0xd800 && code <= 0xdfff) ordered += `\ue000${String.fromCharCode(code - 0xd800 + 1)}`;
    else if (code === 0xe000) ordered += '\ue000\uffff';
    else ordered += character;
  }
  return ordered;
};

const bits = new DataView(new ArrayBuffer(8));

/** A number as 16 digits that sort as it does: the bits of IEEE 754, with all of them turned over if it is negative. */
const orderedNumber = (value: number): string => {
  bits.setFloat64(0, value === 0 ? 0 : value);
  const pattern = bits.getBigUint64(0);
  const ordered = value < 0 ? ~pattern & 0xffff_ffff_ffff_ffffn : pattern | (1n << 63n);
  return ordered.toString(16).padStart(16, '0');
};

/** The kinds of values in their order, as the first character of a sort key; `null` has the empty key. */
type Kind = '1' | '2' | '3';

/**
 * A value of an indexed field as text: comparing two such texts byte by byte compares the values, in the order that
 * documents are sorted in: `null`, text by code points, numbers, `false`, `true`.
 */
export const sortKey = (value: IndexedValue): '' | `${Kind}${string}` => {
  switch (typeof value) {
    case 'string':
      return `1${orderedText(value)}`;
    case 'number':
      return `2${orderedNumber(value)}`;
    case 'boolean':
      return value ? '31' : '30';
    default:
      return '';
  }
};

/** The key behind all keys of the same kind. */
export const endOfKind = (key: string): string => String.fromCharCode(key.charCodeAt(0) + 1);

/** The value at a dotted path; `null` if there is none, or an object or array is there. */
export const valueAt = (document: unknown, path: string): IndexedValue => {
  let value = document;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return null;
    value = Reflect.get(value, key);
  }
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value;
    default:
      return null;
  }
};
