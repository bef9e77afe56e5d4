import type {
  DocumentPage as StoredPage,
  DocumentQuery,
  DocumentStore,
  FieldCondition,
  IndexedValue,
} from '@tidemark/core';
import type { Where } from './documents/field-path.js';

/** Which documents to find, in what order, and which page of them. */
export interface FindOptions<Document, Field extends string> {
  /** Conditions by indexed field: a value that it must equal, or comparisons. All must hold. Default: all documents. */
  readonly where?: Where<Document, Field> | undefined;
  /** Indexed field to order by; ties, and the default, go by key. Documents without the field come first. */
  readonly orderBy?: Field | undefined;
  /** Default: false. */
  readonly descending?: boolean | undefined;
  /** Most documents in the page. Default: 100. */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

/** A document with its key. */
export interface FoundDocument<Document> {
  readonly key: string;
  readonly document: Document;
}

/** One page of documents. */
export interface Page<Document> {
  readonly documents: readonly FoundDocument<Document>[];
  /** Give it as `after` to get the next page; `undefined` on the last one. */
  readonly next: string | undefined;
}

/** Runs a read on the collection of the generation that is active now. */
export type ReadActive = <Result>(
  read: (documents: DocumentStore, collection: string) => Promise<Result>,
) => Promise<Result>;

/** The documents of a projection, to be queried. Always answers from the active generation. */
export class ReadModel<Document extends object = object, Field extends string = string> {
  readonly #read: ReadActive;

  constructor(read: ReadActive) {
    this.#read = read;
  }

  /** The document of a key, or `undefined` if there is none. */
  async get(key: string): Promise<Document | undefined> {
    return (await this.getMany([key])).get(key);
  }

  /** The documents of several keys, in one query; missing ones are left out. */
  async getMany(keys: readonly string[]): Promise<ReadonlyMap<string, Document>> {
    const loaded = await this.#read((documents, collection) => documents.load(collection, keys));
    // The projection wrote them, so they are what its handlers return, as JSON.
    return loaded as ReadonlyMap<string, Document>;
  }

  /**
   * Finds documents by their indexed fields, a page at a time.
   *
   * @throws {InvalidArgumentError} a field that is not indexed, a malformed `after`
   */
  async find(options: FindOptions<Document, Field> = {}): Promise<Page<Document>> {
    const { where, ...rest } = options;
    const query: DocumentQuery = { ...rest, where: conditionsOf(where) };
    const page: StoredPage = await this.#read((documents, collection) => documents.query(collection, query));
    return page as Page<Document>;
  }

  /**
   * How many documents there are, or how many of them meet the conditions.
   *
   * @throws {InvalidArgumentError} a field that is not indexed
   */
  count(where?: Where<Document, Field>): Promise<number> {
    return this.#read((documents, collection) => documents.count(collection, conditionsOf(where)));
  }
}

/** Conditions as the store takes them: a bare value means equality. */
const conditionsOf = <Document, Field extends string>(
  where: Where<Document, Field> | undefined,
): DocumentQuery['where'] => {
  if (where === undefined) return undefined;
  const conditions: Record<string, FieldCondition> = {};
  for (const [field, condition] of Object.entries<FieldCondition | IndexedValue | undefined>(where)) {
    if (condition === undefined) continue;
    conditions[field] = typeof condition === 'object' && condition !== null ? condition : { eq: condition };
  }
  return conditions;
};
