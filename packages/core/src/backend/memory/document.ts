import type { Codec } from '../../schema/codec.js';
import type { IndexedValue } from '../documents.js';

/** One document as text, with its fields at hand for queries. */
export class MemoryDocument {
  readonly key: string;
  readonly #text: string;
  readonly #codec: Codec;
  /** For looking into only; it is never given away. */
  #decoded: unknown;

  private constructor(key: string, text: string, codec: Codec) {
    this.key = key;
    this.#text = text;
    this.#codec = codec;
  }

  /** @param index of the change, for the error */
  static encode(key: string, document: unknown, codec: Codec, index: number): MemoryDocument {
    return new MemoryDocument(key, codec.encode(document, `changes[${index}].document`), codec);
  }

  /** The document for one reader. */
  decode(): unknown {
    return this.#codec.decode(this.#text);
  }

  /** The value at a dotted path; `null` if there is none, or an object or array is there. */
  valueAt(path: string): IndexedValue {
    this.#decoded ??= this.decode();
    let value = this.#decoded;
    for (const key of path.split('.')) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return null;
      value = Reflect.get(value, key);
    }
    return isIndexed(value) ? value : null;
  }
}

const isIndexed = (value: unknown): value is IndexedValue =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
