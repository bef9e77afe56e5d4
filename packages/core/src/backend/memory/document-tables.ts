import type { MemoryDocument } from './document.js';
import { MapTable, OverlaidTable, type Table } from './table.js';

/** The documents of each collection, by the collection's identity. */
export interface DocumentTables {
  of(identity: object): Table<MemoryDocument>;
}

/** The documents themselves; those of a dropped collection are let go with its identity. */
export class MapDocumentTables implements DocumentTables {
  readonly #tables = new WeakMap<object, MapTable<MemoryDocument>>();

  of(identity: object): Table<MemoryDocument> {
    let table = this.#tables.get(identity);
    if (table === undefined) {
      table = new MapTable();
      this.#tables.set(identity, table);
    }
    return table;
  }
}

/** The documents as one transaction sees them, until {@link commit}. */
export class OverlaidDocumentTables implements DocumentTables {
  readonly #below: DocumentTables;
  readonly #tables = new Map<object, OverlaidTable<MemoryDocument>>();

  constructor(below: DocumentTables) {
    this.#below = below;
  }

  of(identity: object): Table<MemoryDocument> {
    let table = this.#tables.get(identity);
    if (table === undefined) {
      table = new OverlaidTable(this.#below.of(identity), (document) => document.key);
      this.#tables.set(identity, table);
    }
    return table;
  }

  commit(): void {
    for (const table of this.#tables.values()) table.commit();
  }
}
