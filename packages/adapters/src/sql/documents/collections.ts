import { checkName, InvalidArgumentError } from '@tidemark/core';
import type { Collection } from '@tidemark/core';
import type { SqlSession } from '../driver.js';
import type { SchemaNames } from '../schema-names.js';

/** A collection as it is stored. */
export interface StoredCollection {
  readonly id: number;
  /** Its table, for SQL. */
  readonly table: string;
  /** The columns of its indexed fields by path. */
  readonly columns: ReadonlyMap<string, string>;
}

/**
 * How much of a sort key an index holds, in characters. PostgreSQL refuses rows of an index above about 2,700 bytes, and the
 * document's key stands beside it.
 */
export const indexedCharacters = 256;

/**
 * Which collections there are. What was looked up is kept, so that using a collection costs no statement more; who changes
 * collections in a transaction forgets it when that ends.
 */
export class Collections {
  readonly #names: SchemaNames;
  readonly #known = new Map<string, StoredCollection>();

  constructor(names: SchemaNames) {
    this.#names = names;
  }

  forget(): void {
    this.#known.clear();
  }

  /** @throws {InvalidArgumentError} it does not exist */
  async find(session: SqlSession, name: string): Promise<StoredCollection> {
    const known = this.#known.get(name) ?? (await this.lookUp(session, name));
    if (known === undefined) {
      throw new InvalidArgumentError(
        'collection',
        `"${name}" does not exist. Call ensure() for it when the application starts.`,
      );
    }
    this.#known.set(name, known);
    return known;
  }

  /** Looks into the database. */
  async lookUp(session: SqlSession, name: string): Promise<StoredCollection | undefined> {
    const { rows } = await session.run(
      `SELECT id, fields FROM ${this.#names.quoted}.collections WHERE name = $1::text`,
      [name],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    return this.#stored(
      Number(row[0]),
      JSON.parse(row[1] as string) as readonly (readonly [string, number])[],
    );
  }

  /** Makes the collection with a table of its own, or finds it made, and holds it against others who ensure or drop it. */
  async make(session: SqlSession, name: string): Promise<StoredCollection> {
    const { rows } = await session.run(
      `INSERT INTO ${this.#names.quoted}.collections (name, fields) VALUES ($1::text, '[]')
         ON CONFLICT (name) DO UPDATE SET name = excluded.name
         RETURNING id, fields`,
      [name],
    );
    const [id, fields] = rows[0] ?? [];
    const stored = this.#stored(
      Number(id),
      JSON.parse(fields as string) as readonly (readonly [string, number])[],
    );
    await session.script(
      `CREATE TABLE IF NOT EXISTS ${stored.table} (key text COLLATE "C" NOT NULL PRIMARY KEY, data json NOT NULL)`,
    );
    return stored;
  }

  /** Gives the table a column with an index for each path, takes away those of other paths, and notes it. */
  async setFields(
    session: SqlSession,
    stored: StoredCollection,
    paths: ReadonlySet<string>,
  ): Promise<StoredCollection> {
    const numbers = new Map([...stored.columns].map(([path, column]) => [path, numberOf(column)]));
    let next = Math.max(0, ...numbers.values()) + 1;
    for (const [path, column] of stored.columns) {
      if (paths.has(path)) continue;
      numbers.delete(path);
      await session.script(`ALTER TABLE ${stored.table} DROP COLUMN ${column}`);
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
    }
    await session.run(
      `UPDATE ${this.#names.quoted}.collections SET fields = $2::json WHERE id = $1::integer`,
      [String(stored.id), JSON.stringify([...numbers])],
    );
    return this.#stored(stored.id, [...numbers]);
  }

  async drop(session: SqlSession, name: string): Promise<void> {
    const { rows } = await session.run(
      `DELETE FROM ${this.#names.quoted}.collections WHERE name = $1::text RETURNING id`,
      [name],
    );
    if (rows[0] !== undefined)
      await session.script(`DROP TABLE ${this.#stored(Number(rows[0][0]), []).table}`);
  }

  #stored(id: number, fields: readonly (readonly [string, number])[]): StoredCollection {
    return {
      id,
      table: `${this.#names.quoted}.documents_${id}`,
      columns: new Map(fields.map(([path, number]) => [path, columnOf(number)])),
    };
  }
}

const columnOf = (number: number): string => `field_${number}`;

const numberOf = (column: string): number => Number(column.slice('field_'.length));

/** @throws {InvalidArgumentError} */
export const checkCollection = ({ name, indexes }: Collection): void => {
  checkName(name, 'collection.name', 200);
  for (const [index, path] of indexes.entries()) checkName(path, `collection.indexes[${index}]`, 200);
};
