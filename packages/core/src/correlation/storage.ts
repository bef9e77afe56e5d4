import type { Transaction } from '../backend/transaction.js';
import type { DocumentChange, DocumentStore } from '../backend/documents.js';
import type { KeyDocument } from './key-state.js';
import type { Progress } from './progress.js';

/** Most keys that a batch closes because their time has come; the next one goes on. */
const mostDue = 2_000;

/** The key of the document that holds the progress; those of keys have the prefix. */
const progressKey = 'progress';
const prefix = 'key:';

/** Name of the collection of a correlation. */
export const collectionOf = (name: string): string => `correlation:${name}`;

/** What a batch needs of what is stored. */
export interface Loaded {
  readonly progress: Progress | undefined;
  readonly documents: Map<string, KeyDocument>;
}

/** The progress and these keys, in one read. */
export const load = async (tx: Transaction, name: string, keys: readonly string[]): Promise<Loaded> => {
  const found = await tx.documents.load(collectionOf(name), [
    progressKey,
    ...keys.map((key) => `${prefix}${key}`),
  ]);
  const documents = new Map<string, KeyDocument>();
  for (const [key, document] of found) {
    // Nobody else writes to the collection.
    if (key !== progressKey) documents.set(key.slice(prefix.length), document as KeyDocument);
  }
  return { progress: found.get(progressKey) as Progress | undefined, documents };
};

/**
 * Adds the keys in which something ends until then, as many as one batch closes.
 *
 * @returns when the next one is due: perhaps still before `until`, if there were too many
 */
export const loadDue = async (
  tx: Transaction,
  name: string,
  until: number,
  documents: Map<string, KeyDocument>,
): Promise<number | undefined> => {
  const page = await tx.documents.query(collectionOf(name), {
    where: { due: { gte: -Number.MAX_SAFE_INTEGER } },
    orderBy: 'due',
    limit: mostDue,
  });
  let last: number | undefined;
  for (const { document } of page.documents) {
    const found = document as KeyDocument;
    if (found.due === null || found.due > until) return found.due ?? undefined;
    last = found.due;
    if (!documents.has(found.key)) documents.set(found.key, found);
  }
  return page.next === undefined ? undefined : last;
};

/** Everything that a batch changed, in one write. */
export const write = async (
  tx: Transaction,
  name: string,
  progress: Progress,
  changes: ReadonlyMap<string, KeyDocument | null>,
): Promise<void> => {
  const rows: DocumentChange[] = [{ key: progressKey, document: progress }];
  for (const [key, document] of changes) rows.push({ key: `${prefix}${key}`, document });
  await tx.documents.write(collectionOf(name), rows);
};

/** The progress as it was stored last. */
export const readProgress = async (documents: DocumentStore, name: string): Promise<Progress | undefined> => {
  const found = await documents.load(collectionOf(name), [progressKey]);
  return found.get(progressKey) as Progress | undefined;
};
