import type { IndexedValue } from '../documents.js';

const rank = (value: IndexedValue): number => {
  switch (typeof value) {
    case 'string':
      return 1;
    case 'number':
      return 2;
    case 'boolean':
      return 3;
    default:
      return 0;
  }
};

/** Orders text by code points, as databases with UTF-8 do; JavaScript's own order is by UTF-16 code units. */
export const compareText = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    if (a.charCodeAt(index) !== b.charCodeAt(index))
      return codePointAround(a, index) - codePointAround(b, index);
  }
  return a.length - b.length;
};

/** The code point that the code unit is a part of. */
const codePointAround = (text: string, index: number): number => {
  const unit = text.charCodeAt(index);
  const inPair = unit >= 0xdc00 && unit <= 0xdfff && index > 0;
  return text.codePointAt(inPair ? index - 1 : index) ?? unit;
};

/** A total order over values of indexed fields: `null`, text by code points, numbers, `false`, `true`. */
export const compareValues = (a: IndexedValue, b: IndexedValue): number => {
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  return rank(a) - rank(b) || Number(a) - Number(b);
};
