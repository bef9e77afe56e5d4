import { appendMany } from './append-many.js';
import { appendOne } from './append-one.js';
import { archive } from './archive.js';
import {
  collectionRevisions,
  deadLetterTables,
  leasesTable,
  nodesTable,
  processorsOfNodes,
} from './cluster.js';
import { changeStreamFunction } from './change-stream.js';
import { eventsTable, positionsSequence, streamsTable } from './events.js';
import { finalTombstones, immutableEvents } from './immutable-events.js';
import { logIdentity } from './log-identity.js';
import { primaryOnly } from './primary-only.js';
import { readSafeFunction } from './read-safe.js';
import { safePositionFunction } from './safe-position.js';
import { checkpointsTable, collectionsTable, snapshotsTable, timersTable } from './state.js';
import { uniqueIds } from './unique-ids.js';

/** A step of the database's schema. What is released here is never changed, only followed by further steps. */
export interface Migration {
  /** From 1, without gaps. */
  readonly number: number;
  readonly name: string;
  /** Plain SQL; see {@link SchemaNames} for what stands in braces. */
  readonly sql: string;
}

/** All steps in order. */
export const migrations: readonly Migration[] = [
  {
    number: 1,
    name: 'the log',
    sql: [
      eventsTable,
      positionsSequence,
      streamsTable,
      appendOne('CREATE', 'events'),
      appendMany('CREATE', 'events'),
      changeStreamFunction,
      safePositionFunction,
    ].join(''),
  },
  {
    number: 2,
    name: 'checkpoints, snapshots, timers and documents',
    sql: [checkpointsTable, snapshotsTable, timersTable, collectionsTable].join(''),
  },
  { number: 3, name: 'immutability', sql: [immutableEvents, finalTombstones].join('') },
  { number: 4, name: 'archive', sql: archive },
  {
    number: 5,
    name: 'leases, nodes, dead letters and revisions of collections',
    sql: [leasesTable, nodesTable, deadLetterTables, collectionRevisions].join(''),
  },
  { number: 6, name: 'tail', sql: [logIdentity, readSafeFunction].join('') },
  { number: 7, name: 'unique ids', sql: uniqueIds },
  { number: 8, name: 'processors of nodes', sql: processorsOfNodes },
  { number: 9, name: 'primary only', sql: primaryOnly },
];
