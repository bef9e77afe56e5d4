import type { Backend, DocumentStore, Transaction } from '@tidemark/core';
import { GenerationConflictError } from '../errors.js';

/** One build of a read model, beside others. Its documents, tables and checkpoint carry its number. */
export interface Generation {
  /** From 1, never used twice. */
  readonly number: number;
  /** Version of the projection that built it. */
  readonly version: number;
  /** `inline` for one that is kept up to date by the appends themselves. */
  readonly mode?: 'inline' | undefined;
}

/** Which generations of a projection there are: the one row by which a read model is switched. */
export interface SwitchRow {
  /** Grows with every change: who changes the row must know its newest state. */
  readonly revision: number;
  /** The generation that answers queries. */
  readonly active: Generation;
  /** The one that is being built, or was when it was interrupted. */
  readonly building: Generation | null;
  /** Numbers of those that are no longer wanted and not yet dropped. */
  readonly retired: readonly number[];
  /** The highest number ever used. */
  readonly newest: number;
}

/** The collection of all switch rows, by projection. */
const collection = 'tidemark.projections';

/** Makes the place for switch rows. Idempotent. */
export const ensureSwitchRows = (backend: Backend): Promise<void> =>
  backend.documents.ensure({ name: collection, indexes: [] });

/** The switch row of a projection, or `undefined` before its first start. */
export const readSwitchRow = async (
  documents: DocumentStore,
  projection: string,
): Promise<SwitchRow | undefined> => {
  return (await readSwitchRows(documents, [projection])).get(projection);
};

/** The switch rows of several projections, in one query. */
export const readSwitchRows = async (
  documents: DocumentStore,
  projections: readonly string[],
): Promise<ReadonlyMap<string, SwitchRow>> => {
  const rows = await documents.load(collection, projections);
  // Only this module writes the collection.
  return rows as ReadonlyMap<string, SwitchRow>;
};

/**
 * Name of the lock on a projection's generations. Who holds it exclusively may change them, and keeps all inline appends away;
 * an inline append holds it shared, and so knows that the generation it writes to stays the active one until it commits.
 */
export const switchLock = (projection: string): string => `projection ${projection}`;

/**
 * Replaces a switch row in a transaction, under the lock on it: of two instances that change one row at the same time, one is
 * rolled back.
 *
 * @param previous the row as the caller knows it
 * @returns the row as it is now
 * @throws {GenerationConflictError} the row is another by now; roll back
 */
export const writeSwitchRow = async (
  tx: Transaction,
  projection: string,
  previous: SwitchRow | undefined,
  next: Omit<SwitchRow, 'revision'>,
): Promise<SwitchRow> => {
  const revision = (previous?.revision ?? 0) + 1;
  await tx.lock([{ name: switchLock(projection), mode: 'exclusive' }]);
  const found = await readSwitchRow(tx.documents, projection);
  if (found?.revision !== previous?.revision) throw new GenerationConflictError(projection);
  const row: SwitchRow = { ...next, revision };
  await tx.documents.write(collection, [{ key: projection, document: row }]);
  return row;
};

/** The name that a generation's checkpoint is kept under, and its collection of documents: `board@2`. */
export const generationName = (projection: string, generation: number): string =>
  `${projection}@${generation}`;
