import { checkName } from '../../log/check-names.js';
import { InvalidArgumentError } from '../../log/errors.js';
import type { Codec } from '../../schema/codec.js';
import type { Collection, DocumentChange, DocumentPage, DocumentQuery, DocumentStore } from '../documents.js';
import { MemoryDocument } from './document.js';
import { findPage, matching } from './document-query.js';
import type { DocumentTables } from './document-tables.js';
import type { Table } from './table.js';
import type { Writer } from './writer.js';

/** One collection; its documents are found by its identity, so that one made anew under an old name is empty. */
export interface StoredCollection {
  readonly name: string;
  readonly indexes: readonly string[];
  readonly identity: object;
}

/** Documents in tables: the backend's, or those that a transaction sees. */
export class MemoryDocumentStore implements DocumentStore {
  readonly #collections: Table<StoredCollection>;
  readonly #writer: Writer;
  readonly #codec: Codec;
  readonly #documents: DocumentTables;

  constructor(collections: Table<StoredCollection>, documents: DocumentTables, writer: Writer, codec: Codec) {
    this.#collections = collections;
    this.#documents = documents;
    this.#writer = writer;
    this.#codec = codec;
  }

  async ensure(collection: Collection): Promise<void> {
    const { name, indexes } = collection;
    checkName(name, 'collection.name', 200);
    for (const [index, path] of indexes.entries()) checkName(path, `collection.indexes[${index}]`, 200);
    await this.#writer.write(() => {
      const identity = this.#collections.get(name)?.identity ?? {};
      this.#collections.set(name, { name, indexes: [...indexes], identity });
    });
  }

  async drop(collection: string): Promise<void> {
    await this.#writer.write(() => this.#collections.delete(collection));
  }

  async load(collection: string, keys: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    const { documents } = this.#find(collection);
    const found = new Map<string, unknown>();
    for (const key of keys) {
      const document = documents.get(key);
      if (document !== undefined) found.set(key, document.decode());
    }
    return found;
  }

  async write(collection: string, changes: readonly DocumentChange[]): Promise<void> {
    const rows = changes.map(({ key, document }, index) => {
      checkName(key, `changes[${index}].key`, 500);
      return {
        key,
        row: document === null ? undefined : MemoryDocument.encode(key, document, this.#codec, index),
      };
    });
    await this.#writer.write(() => {
      const { documents } = this.#find(collection);
      for (const { key, row } of rows) {
        if (row === undefined) documents.delete(key);
        else documents.set(key, row);
      }
    });
  }

  async query(collection: string, query: DocumentQuery = {}): Promise<DocumentPage> {
    const { documents, indexes } = this.#find(collection);
    return findPage(documents.rows(), indexes, query);
  }

  async count(collection: string, where: DocumentQuery['where'] = {}): Promise<number> {
    const { documents, indexes } = this.#find(collection);
    return matching(documents.rows(), indexes, where).length;
  }

  #find(name: string): { readonly indexes: readonly string[]; readonly documents: Table<MemoryDocument> } {
    this.#writer.checkUsable();
    const collection = this.#collections.get(name);
    if (collection === undefined) {
      throw new InvalidArgumentError(
        'collection',
        `"${name}" does not exist. Call ensure() for it when the application starts.`,
      );
    }
    return { indexes: collection.indexes, documents: this.#documents.of(collection.identity) };
  }
}
