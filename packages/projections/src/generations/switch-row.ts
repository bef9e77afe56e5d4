import { type Backend, CheckpointConflictError, type DocumentStore, type Transaction } from '@tidemark/core';
import { GenerationConflictError } from '../errors.js';

/** One build of a read model, beside others. Its documents, tables and checkpoint carry its number. */
export interface Generation {
  /** From 1, never used twice. */
  readonly number: number;
  /** Version of the projection that built it. */
  readonly version: number;
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
  const rows = await documents.load(collection, [projection]);
  // Only this module writes the collection.
  return rows.get(projection) as SwitchRow | undefined;
};

/**
 * Replaces a switch row in a transaction. Fenced by a compare-and-set on the row's revision, which holds until the
 * commit: of two instances that change one row at the same time, one is rolled back.
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
  try {
    await tx.checkpoints.move({
      processor: `${projection}@switch`,
      segment: 0,
      position: BigInt(revision),
      previous: previous === undefined ? undefined : BigInt(previous.revision),
    });
  } catch (error) {
    if (error instanceof CheckpointConflictError) throw new GenerationConflictError(projection, error);
    throw error;
  }
  const row: SwitchRow = { ...next, revision };
  await tx.documents.write(collection, [{ key: projection, document: row }]);
  return row;
};

/** The name that a generation's checkpoint is kept under, and its collection of documents: `board@2`. */
export const generationName = (projection: string, generation: number): string =>
  `${projection}@${generation}`;
