/** Rows by key, as the ports of the memory backend see them: the real ones, or a transaction's view of them. */
export interface Table<Row> {
  get(key: string): Row | undefined;
  set(key: string, row: Row): void;
  delete(key: string): void;
  rows(): Iterable<Row>;
}

/** The rows themselves. */
export class MapTable<Row> implements Table<Row> {
  readonly #rows = new Map<string, Row>();

  get(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  set(key: string, row: Row): void {
    this.#rows.set(key, row);
  }

  delete(key: string): void {
    this.#rows.delete(key);
  }

  rows(): Iterable<Row> {
    return this.#rows.values();
  }
}

/** The rows as one transaction sees them: its own changes lie over the others until {@link commit}. */
export class OverlaidTable<Row> implements Table<Row> {
  readonly #below: Table<Row>;
  /** `undefined` marks a deleted row. */
  readonly #changes = new Map<string, Row | undefined>();
  readonly #keyOf: (row: Row) => string;

  constructor(below: Table<Row>, keyOf: (row: Row) => string) {
    this.#below = below;
    this.#keyOf = keyOf;
  }

  get(key: string): Row | undefined {
    return this.#changes.has(key) ? this.#changes.get(key) : this.#below.get(key);
  }

  set(key: string, row: Row): void {
    this.#changes.set(key, row);
  }

  delete(key: string): void {
    this.#changes.set(key, undefined);
  }

  *rows(): Iterable<Row> {
    for (const row of this.#below.rows()) if (!this.#changes.has(this.#keyOf(row))) yield row;
    for (const row of this.#changes.values()) if (row !== undefined) yield row;
  }

  /** Makes the changes real. Cannot fail half-way. */
  commit(): void {
    for (const [key, row] of this.#changes) {
      if (row === undefined) this.#below.delete(key);
      else this.#below.set(key, row);
    }
  }
}
