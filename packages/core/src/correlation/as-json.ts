import { jsonCodec } from '../schema/codec.js';

/** Objects known to be exact and frozen. */
const known = new WeakSet<object>();

/**
 * The value as it will be once it was stored and loaded, frozen: where batches end is chance, and what a fold sees must not
 * depend on it. A change in place would be there for the next event of the batch, and lost for the first one of the next.
 *
 * @throws {SerializationError} JSON cannot hold it
 */
export const asJson = (value: unknown, where: string): unknown => {
  if (freezeIfExact(value)) return value;
  const loaded = jsonCodec.decode(jsonCodec.encode(value, where));
  freezeIfExact(loaded);
  return loaded;
};

const freezeIfExact = (value: unknown): boolean => {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0);
    case 'object':
      return value === null || known.has(value) || freezeObject(value);
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
  known.add(Object.freeze(value));
  return true;
};
