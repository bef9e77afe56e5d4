import {
  checkName,
  decodeCursor,
  encodeCursor,
  InvalidArgumentError,
  TransactionConflictError,
} from '@tidemark/core';
import type {
  Codec,
  Collection,
  DocumentChange,
  DocumentPage,
  DocumentQuery,
  DocumentStore,
} from '@tidemark/core';
import { textArray } from '../array-literal.js';
import { jsonArray } from '../binary-array.js';
import { SqlError, type SqlSession } from '../driver.js';
import type { InTransaction } from '../in-transaction.js';
import { checkCollection, type Collections, type StoredCollection } from './collections.js';
import { columnFor, indexed, Parameters, whereClause } from './conditions.js';
import { sortKey, valueAt } from './sort-key.js';

/** The error code of PostgreSQL for a table that does not exist. */
const undefinedTable = '42P01';

/** How many documents are read at a time when new fields are indexed. */
const reindexedAtOnce = 500;

/**
 * Documents in tables, one a collection. A document is `json`, byte for byte as the codec wrote it; beside it stand the sort
 * keys of its indexed fields, by which PostgreSQL finds and orders it. (Documents whose values agree in their first 256
 * characters are ordered by their keys.)
 */
export class SqlDocumentStore implements DocumentStore {
  readonly #session: SqlSession;
  readonly #collections: Collections;
  readonly #codec: Codec;
  readonly #inTransaction: InTransaction;
  readonly #repeats: boolean;

  /** @param repeats true where a statement that failed can be done again: outside of a transaction */
  constructor(
    session: SqlSession,
    collections: Collections,
    codec: Codec,
    inTransaction: InTransaction,
    repeats: boolean,
  ) {
    this.#session = session;
    this.#repeats = repeats;
    this.#collections = collections;
    this.#codec = codec;
    this.#inTransaction = inTransaction;
  }

  async ensure(collection: Collection): Promise<void> {
    checkCollection(collection);
    const wanted = new Set(collection.indexes);
    const present = await this.#collections.lookUp(this.#session, collection.name);
    if (present !== undefined && sameMembers(wanted, present.columns)) return;
    await this.#changing(async (session) => {
      const before = await this.#collections.make(session, collection.name);
      const after = await this.#collections.setFields(session, before, wanted);
      const added = [...after.columns].filter(([path]) => !before.columns.has(path));
      if (added.length > 0) await this.#fill(session, after, new Map(added));
    });
  }

  async drop(collection: string): Promise<void> {
    await this.#changing((session) => this.#collections.drop(session, collection));
  }

  async load(collection: string, keys: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    const known = textArray(keys.filter((key) => !key.includes('\0')));
    const { rows } = await this.#on(collection, ({ table }) =>
      this.#session.run(`SELECT key, data FROM ${table} WHERE key = ANY ($1::text[])`, [known]),
    );
    return new Map(rows.map(([key, data]) => [key as string, this.#codec.decode(data as string)]));
  }

  async write(collection: string, changes: readonly DocumentChange[]): Promise<void> {
    // The last change of a key is the one that counts.
    const byKey = new Map<string, string | null>();
    for (const [index, { key, document }] of changes.entries()) {
      checkName(key, `changes[${index}].key`, 500);
      byKey.set(key, document === null ? null : this.#codec.encode(document, `changes[${index}].document`));
    }
    await this.#on(collection, (stored) => this.#write(stored, byKey));
  }

  async #write(
    { table, columns }: StoredCollection,
    byKey: ReadonlyMap<string, string | null>,
  ): Promise<void> {
    const removed = [...byKey].filter(([, data]) => data === null).map(([key]) => key);
    const kept = [...byKey].flatMap(([key, data]) => (data === null ? [] : [{ key, data }]));
    const parameters = new Parameters();
    const parts: string[] = [];
    if (kept.length > 0) parts.push(this.#upsert(table, columns, kept, parameters));
    if (removed.length > 0) {
      parts.push(`DELETE FROM ${table} WHERE key = ANY (${parameters.add(textArray(removed), 'text[]')})`);
    }
    const [only, other] = parts;
    if (only === undefined) return;
    await this.#session.run(
      other === undefined ? only : `WITH written AS (${only}) ${other}`,
      parameters.values,
    );
  }

  async query(collection: string, query: DocumentQuery = {}): Promise<DocumentPage> {
    const { where, orderBy, descending = false, limit = 100, after } = query;
    if (!Number.isInteger(limit) || limit < 1)
      throw new InvalidArgumentError('limit', 'must be an integer from 1');
    const { rows } = await this.#on(collection, async (stored) => {
      const parameters = new Parameters();
      const order = orderBy === undefined ? undefined : indexed(columnFor(orderBy, stored));
      const further = after === undefined ? [] : [behind(after, query, order, parameters)];
      const direction = descending ? 'DESC' : 'ASC';
      return this.#session.run(
        `SELECT key, data FROM ${stored.table} ${whereClause(where, stored, parameters, further)}
           ORDER BY ${order === undefined ? '' : `${order} ${direction}, `}key ${direction}
           LIMIT ${parameters.add(String(limit + 1), 'bigint')}`,
        parameters.values,
      );
    });
    const documents = rows
      .slice(0, limit)
      .map(([key, data]) => ({ key: key as string, document: this.#codec.decode(data as string) }));
    const last = documents.at(-1);
    if (last === undefined || rows.length <= limit) return { documents, next: undefined };
    const value = orderBy === undefined ? null : valueAt(last.document, orderBy);
    return { documents, next: encodeCursor({ orderBy, descending }, { value, key: last.key }) };
  }

  async count(collection: string, where?: DocumentQuery['where']): Promise<number> {
    const { rows } = await this.#on(collection, async (stored) => {
      const parameters = new Parameters();
      return this.#session.run(
        `SELECT count(*) FROM ${stored.table} ${whereClause(where, stored, parameters)}`,
        parameters.values,
      );
    });
    return Number(rows[0]?.[0]);
  }

  /**
   * Does something with a collection as it is known, and once more where that turns out to be out of date: another process
   * has changed it meanwhile.
   *
   * @throws {TransactionConflictError} it was changed, and the transaction, which has failed with the statement, cannot go on
   */
  async #on<Result>(
    collection: string,
    work: (stored: StoredCollection) => Promise<Result>,
  ): Promise<Result> {
    const known = await this.#collections.find(this.#session, collection);
    try {
      return await work(known);
    } catch (error) {
      const isGone = error instanceof SqlError && error.sqlState === undefinedTable;
      // A field that is not indexed may be by now.
      if (!isGone && !(error instanceof InvalidArgumentError)) throw error;
      this.#collections.forget(collection);
      if (isGone && !this.#repeats) {
        throw new TransactionConflictError(
          `Collection "${collection}" was changed by another process: the transaction is rolled back. Do it again.`,
          { cause: error },
        );
      }
      const found = await this.#collections.find(this.#session, collection);
      // A table that somebody removed by hand does not come back.
      if (found.table === known.table) throw error;
      return this.#on(collection, work);
    }
  }

  /** What was kept of collections may be wrong while they change, and after a change that was rolled back. */
  async #changing(work: (session: SqlSession) => Promise<void>): Promise<void> {
    try {
      await this.#inTransaction(work);
    } finally {
      this.#collections.change();
    }
  }

  #upsert(
    table: string,
    columns: ReadonlyMap<string, string>,
    rows: readonly { readonly key: string; readonly data: string }[],
    parameters: Parameters,
  ): string {
    const names = ['key', 'data', ...columns.values()];
    // Read back from text: what is indexed is what readers will see, whatever `toJSON` made of it.
    const documents = columns.size === 0 ? [] : rows.map(({ data }) => this.#codec.decode(data));
    const values = [
      parameters.add(textArray(rows.map(({ key }) => key)), 'text[]'),
      parameters.add(jsonArray(rows.map(({ data }) => data)), 'json[]'),
      ...[...columns.keys()].map((path) =>
        parameters.add(textArray(documents.map((document) => sortKey(valueAt(document, path)))), 'text[]'),
      ),
    ];
    const updates = names.slice(1).map((name) => `${name} = excluded.${name}`);
    return `INSERT INTO ${table} (${names.join(', ')}) SELECT * FROM unnest(${values.join(', ')})
      ON CONFLICT (key) DO UPDATE SET ${updates.join(', ')}`;
  }

  /** Gives new columns the values of the documents that are there. */
  async #fill(
    session: SqlSession,
    { table }: StoredCollection,
    added: ReadonlyMap<string, string>,
  ): Promise<void> {
    let last = '';
    for (;;) {
      const { rows } = await session.run(
        `SELECT key, data FROM ${table} WHERE key > $1::text ORDER BY key LIMIT $2::bigint`,
        [last, String(reindexedAtOnce)],
      );
      const parameters = new Parameters();
      const keys = parameters.add(textArray(rows.map(([key]) => key as string)), 'text[]');
      const documents = rows.map(([, data]) => this.#codec.decode(data as string));
      const columns = [...added.values()];
      const values = [...added.keys()].map((path) =>
        parameters.add(textArray(documents.map((document) => sortKey(valueAt(document, path)))), 'text[]'),
      );
      await session.run(
        `UPDATE ${table} t SET ${columns.map((column) => `${column} = n.${column}`).join(', ')}
           FROM unnest(${[keys, ...values].join(', ')}) AS n(${['key', ...columns].join(', ')})
           WHERE t.key = n.key`,
        parameters.values,
      );
      if (rows.length < reindexedAtOnce) return;
      last = rows.at(-1)?.[0] as string;
    }
  }
}

const sameMembers = (wanted: ReadonlySet<string>, present: ReadonlyMap<string, string>): boolean =>
  wanted.size === present.size && [...wanted].every((path) => present.has(path));

/** The condition that only what comes behind the cursor meets. */
const behind = (
  cursor: string,
  { orderBy, descending }: DocumentQuery,
  order: string | undefined,
  parameters: Parameters,
): string => {
  const { value, key } = decodeCursor(cursor, { orderBy, descending });
  const operator = descending === true ? '<' : '>';
  checkName(key, 'after', 500);
  const place = parameters.add(key, 'text');
  if (order === undefined) return `key ${operator} ${place}`;
  return `(${order}, key) ${operator} (${indexed(parameters.add(sortKey(value), 'text'))}, ${place})`;
};
