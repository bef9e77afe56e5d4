/** A value that can be compared and indexed. */
export type IndexedValue = string | number | boolean | null;

/**
 * Conditions on one indexed field; all given must hold. A field that is missing, or holds an object or a list, counts as
 * `null`. `eq` and `in` compare by type and value. The others hold only for values of the type of their bound, and never
 * for `null`; text is compared by code points.
 */
export interface FieldCondition {
  readonly eq?: IndexedValue | undefined;
  readonly in?: readonly IndexedValue[] | undefined;
  readonly gt?: IndexedValue | undefined;
  readonly gte?: IndexedValue | undefined;
  readonly lt?: IndexedValue | undefined;
  readonly lte?: IndexedValue | undefined;
}

/** One document with its key, as stored. */
export interface StoredDocument {
  readonly key: string;
  /** JSON. */
  readonly document: unknown;
}

/** One document to be written or deleted. */
export interface DocumentChange {
  readonly key: string;
  /** The new document, or `null` to delete it. Must be JSON. */
  readonly document: unknown;
}

/** Which documents of a collection to find, in which order, and which page of them. */
export interface DocumentQuery {
  /** Conditions by indexed field; all must hold. */
  readonly where?: Readonly<Record<string, FieldCondition>> | undefined;
  /**
   * Indexed field to order by; ties, and the default, go by key. Documents without the field count as `null`, which comes
   * first. Text is ordered by code points, and `false` comes before `true`.
   */
  readonly orderBy?: string | undefined;
  /** Reverses the whole order, that of the keys too. Default: false. */
  readonly descending?: boolean | undefined;
  /** Most documents in the page. Default: 100. */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

/** One page of the documents that a query finds. */
export interface DocumentPage {
  readonly documents: readonly StoredDocument[];
  /** Opaque; give it as `after`, with the same order, to get the next page. `undefined` on the last page. */
  readonly next: string | undefined;
}

/** A named set of documents with the fields that can be queried. */
export interface Collection {
  /** Up to 200 characters. */
  readonly name: string;
  /** Dotted paths of the fields that queries may use, e.g. `customer.id`. */
  readonly indexes: readonly string[];
}

/** Read-model documents by key, in collections. Documents are JSON and come back byte for byte as written. */
export interface DocumentStore {
  /** Makes the collection if it is missing and brings its indexes to those given. Idempotent. */
  ensure(collection: Collection): Promise<void>;
  /** Removes the collection and all in it. */
  drop(collection: string): Promise<void>;
  /**
   * Loads documents by key; missing ones are left out.
   *
   * @throws {InvalidArgumentError} here and below: the collection was not made by {@link ensure}
   */
  load(collection: string, keys: readonly string[]): Promise<ReadonlyMap<string, unknown>>;
  /**
   * Writes all changes at once, or none. Of several to one key, the last counts.
   *
   * @throws {SerializationError} a document cannot be held by JSON
   * @throws {InvalidArgumentError} a key that is not 1 to 500 characters of well-formed text without NUL
   */
  write(collection: string, changes: readonly DocumentChange[]): Promise<void>;
  /** @throws {InvalidArgumentError} a field that is not indexed, a malformed cursor or one of another order */
  query(collection: string, query?: DocumentQuery): Promise<DocumentPage>;
  /**
   * Counts the documents that meet all conditions. Default: all of the collection.
   *
   * @throws {InvalidArgumentError} a field that is not indexed
   */
  count(collection: string, where?: DocumentQuery['where']): Promise<number>;
}
