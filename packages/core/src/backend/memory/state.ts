import type { Checkpoint } from '../checkpoints.js';
import type { DocumentTables } from './document-tables.js';
import type { StoredCollection } from './documents.js';
import type { StoredLease } from './leases.js';
import type { DeadLetterTables } from './letters.js';
import type { Log } from './log.js';
import type { Table } from './table.js';
import type { StoredTimer } from './timers.js';

/** What the memory backend holds and transactions change. */
export interface MemoryState {
  readonly log: Log;
  readonly checkpoints: Table<Checkpoint>;
  readonly collections: Table<StoredCollection>;
  readonly documents: DocumentTables;
  readonly timers: Table<StoredTimer>;
  readonly leases: Table<StoredLease>;
  readonly deadLetters: DeadLetterTables;
}
