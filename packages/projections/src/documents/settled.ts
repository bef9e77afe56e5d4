/**
 * Why documents are settled between two events: a batch holds many events of one document, and where batches end is
 * chance. What a handler sees must not depend on it. So each document is brought to what the next batch would load
 * (dates are text, undefined fields are gone, classes are plain objects) and frozen, because a change in place would
 * be there for the next event of the batch, and lost for the first one of the next.
 */

/** Turns a value into what it would be after being stored and loaded. */
export type RoundTrip = (value: object) => object;

/** Freezes the value if it is already exactly what JSON would give back; false, and partly frozen, if it is not. */
const freezeIfExact = (value: unknown): boolean => {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0);
    case 'object':
      return value === null || freezeObject(value);
    default:
      return false;
  }
};

const freezeObject = (value: object): boolean => {
  if (Array.isArray(value)) {
    // By index, not by iterator: a hole reads as undefined, and is not exact.
    for (let index = 0; index < value.length; index += 1) if (!freezeIfExact(value[index])) return false;
  } else {
    if (Object.getPrototypeOf(value) !== Object.prototype) return false;
    for (const field of Object.values(value)) if (!freezeIfExact(field)) return false;
  }
  Object.freeze(value);
  return true;
};

/**
 * The document as the next batch would load it, frozen.
 *
 * @throws whatever `roundTrip` throws on what JSON cannot hold
 */
export const settled = (document: object, roundTrip: RoundTrip): object => {
  if (freezeObject(document)) return document;
  const loaded = roundTrip(document);
  freezeObject(loaded);
  return loaded;
};
