import { checkName, InvalidArgumentError } from '@tidemark/core';
import type { Collection } from '@tidemark/core';
import type { SqlRow, SqlSession } from '../driver.js';
import type { SchemaNames } from '../schema-names.js';

/** A collection as it is stored. */
export interface StoredCollection {
  readonly id: number;
  /** How often its fields were changed. */
  readonly revision: number;
  /** Its table, for SQL. Its name changes with the revision, so that whoever knows an old one finds none. */
  readonly table: string;
  /** The columns of its indexed fields by path. */
  readonly columns: ReadonlyMap<string, string>;
}

/**
 * How much of a sort key an index holds, in characters. PostgreSQL refuses rows of an index above about 2,700 bytes, and the
 * document's key stands beside it.
 */
export const indexedCharacters = 256;

/** Fields as they are stored: path and number of the column. */
type Fields = readonly (readonly [string, number])[];

/**
 * Which collections there are. What was looked up is kept, so that using a collection costs no statement more.
 *
 * Another process may change a collection's fields, or drop it and make it again. Each such change gives the table another
 * name, so a statement made of what was known before finds no table, fails as a whole, and is made anew: nothing is written
 * with too few sort keys, or to where nobody looks. (A table that a transaction uses is not changed before that has ended.)
 */
export class Collections {
  readonly #names: SchemaNames;
  readonly #shared: Collections | undefined;
  readonly #known = new Map<string, StoredCollection>();
  /** True when collections were changed in this transaction, which others do not see. */
  #changed = false;

  /** @param shared those of the backend, for a transaction: used until the transaction changes any itself */
  constructor(names: SchemaNames, shared?: Collections) {
    this.#names = names;
    this.#shared = shared;
  }

  /** Collections as one transaction sees them. */
  within(): Collections {
    return new Collections(this.#names, this);
  }

  /** Notes that some were changed: what is known may be wrong. */
  change(): void {
    this.#changed = true;
    this.#known.clear();
    this.#shared?.change();
  }

  /** Notes that a table is not what was known. */
  forget(name: string): void {
    this.#known.delete(name);
    this.#shared?.forget(name);
  }

  /** @throws {InvalidArgumentError} it does not exist */
  async find(session: SqlSession, name: string): Promise<StoredCollection> {
    const known = this.#recall(name) ?? (await this.lookUp(session, name));
    if (known === undefined) {
      throw new InvalidArgumentError(
        'collection',
        `"${name}" does not exist. Call ensure() for it when the application starts.`,
      );
    }
    this.#keeper().#known.set(name, known);
    return known;
  }

  /** Looks into the database. */
  async lookUp(session: SqlSession, name: string): Promise<StoredCollection | undefined> {
    const { rows } = await session.run(
      `SELECT id, revision, fields FROM ${this.#names.quoted}.collections WHERE name = $1::text`,
      [name],
    );
    return rows[0] === undefined ? undefined : this.#read(rows[0]);
  }

  /** Makes the collection with a table of its own, or finds it made, and holds it against others who ensure or drop it. */
  async make(session: SqlSession, name: string): Promise<StoredCollection> {
    const { rows } = await session.run(
      `INSERT INTO ${this.#names.quoted}.collections (name, fields) VALUES ($1::text, '[]')
         ON CONFLICT (name) DO UPDATE SET name = excluded.name
         RETURNING id, revision, fields`,
      [name],
    );
    const stored = this.#read(rows[0] ?? []);
    await session.script(
      `CREATE TABLE IF NOT EXISTS ${stored.table} (key text COLLATE "C" NOT NULL PRIMARY KEY, data json NOT NULL)`,
    );
    return stored;
  }

  /**
   * Gives the table a column with an index for each path, takes away those of other paths, and notes it. The table gets
   * another name if anything changes.
   */
  async setFields(
    session: SqlSession,
    stored: StoredCollection,
    paths: ReadonlySet<string>,
  ): Promise<StoredCollection> {
    const numbers = new Map([...stored.columns].map(([path, column]) => [path, numberOf(column)]));
    let isChanged = false;
    let next = Math.max(0, ...numbers.values()) + 1;
    for (const [path, column] of stored.columns) {
      if (paths.has(path)) continue;
      numbers.delete(path);
      await session.script(`ALTER TABLE ${stored.table} DROP COLUMN ${column}`);
      isChanged = true;
    }
    for (const path of paths) {
      if (numbers.has(path)) continue;
      const column = columnOf(next);
      await session.script(
        `ALTER TABLE ${stored.table} ADD COLUMN ${column} text COLLATE "C" NOT NULL DEFAULT '';
         CREATE INDEX ON ${stored.table} (left(${column}, ${indexedCharacters}), key)`,
      );
      numbers.set(path, next);
      next += 1;
      isChanged = true;
    }
    if (!isChanged) return stored;
    const after = this.#stored(stored.id, stored.revision + 1, [...numbers]);
    await session.script(`ALTER TABLE ${stored.table} RENAME TO ${this.#tableName(after)}`);
    await session.run(
      `UPDATE ${this.#names.quoted}.collections SET revision = $2::integer, fields = $3::json WHERE id = $1::integer`,
      [String(after.id), String(after.revision), JSON.stringify([...numbers])],
    );
    return after;
  }

  async drop(session: SqlSession, name: string): Promise<void> {
    const { rows } = await session.run(
      `DELETE FROM ${this.#names.quoted}.collections WHERE name = $1::text RETURNING id, revision, fields`,
      [name],
    );
    if (rows[0] !== undefined) await session.script(`DROP TABLE ${this.#read(rows[0]).table}`);
  }

  /** Where what was looked up is kept: what a transaction changed is not for others. */
  #keeper(): Collections {
    return this.#shared === undefined || this.#changed ? this : this.#shared.#keeper();
  }

  #recall(name: string): StoredCollection | undefined {
    return this.#keeper().#known.get(name);
  }

  #read([id, revision, fields]: SqlRow): StoredCollection {
    return this.#stored(Number(id), Number(revision), JSON.parse(fields as string) as Fields);
  }

  #stored(id: number, revision: number, fields: Fields): StoredCollection {
    return {
      id,
      revision,
      table: `${this.#names.quoted}.${this.#tableName({ id, revision })}`,
      columns: new Map(fields.map(([path, number]) => [path, columnOf(number)])),
    };
  }

  #tableName({ id, revision }: Pick<StoredCollection, 'id' | 'revision'>): string {
    return revision === 0 ? `documents_${id}` : `documents_${id}_${revision}`;
  }
}

const columnOf = (number: number): string => `field_${number}`;

const numberOf = (column: string): number => Number(column.slice('field_'.length));

/** @throws {InvalidArgumentError} */
export const checkCollection = ({ name, indexes }: Collection): void => {
  checkName(name, 'collection.name', 200);
  for (const [index, path] of indexes.entries()) checkName(path, `collection.indexes[${index}]`, 200);
};
