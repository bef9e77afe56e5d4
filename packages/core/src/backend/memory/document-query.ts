import { InvalidArgumentError } from '../../log/errors.js';
import { decodeCursor, encodeCursor } from '../document-cursor.js';
import type { DocumentPage, DocumentQuery, FieldCondition, IndexedValue } from '../documents.js';
import type { MemoryDocument } from './document.js';
import { compareText, compareValues } from './value-order.js';

/**
 * The documents that meet all conditions.
 *
 * @throws {InvalidArgumentError} a field that is not indexed
 */
export const matching = (
  documents: Iterable<MemoryDocument>,
  indexes: readonly string[],
  where: NonNullable<DocumentQuery['where']>,
): readonly MemoryDocument[] => {
  const conditions = Object.entries(where);
  for (const [field] of conditions) checkIndexed(field, indexes);
  return [...documents].filter((document) =>
    conditions.every(([field, condition]) => meets(document.valueAt(field), condition)),
  );
};

/**
 * One page of a query.
 *
 * @throws {InvalidArgumentError} a field that is not indexed, a malformed cursor, a limit below 1
 */
export const findPage = (
  documents: Iterable<MemoryDocument>,
  indexes: readonly string[],
  { where = {}, orderBy, descending = false, limit = 100, after }: DocumentQuery,
): DocumentPage => {
  if (orderBy !== undefined) checkIndexed(orderBy, indexes);
  if (!Number.isInteger(limit) || limit < 1)
    throw new InvalidArgumentError('limit', 'must be an integer from 1');
  const sign = descending ? -1 : 1;
  const valueOf = (document: MemoryDocument): IndexedValue =>
    orderBy === undefined ? null : document.valueAt(orderBy);
  let found = matching(documents, indexes, where);
  if (after !== undefined) {
    const start = decodeCursor(after, { orderBy, descending });
    found = found.filter(
      (document) =>
        sign * (compareValues(valueOf(document), start.value) || compareText(document.key, start.key)) > 0,
    );
  }
  const page = found
    .toSorted((a, b) => sign * (compareValues(valueOf(a), valueOf(b)) || compareText(a.key, b.key)))
    .slice(0, limit);
  const last = page.at(-1);
  return {
    documents: page.map((document) => ({ key: document.key, document: document.decode() })),
    next:
      last !== undefined && found.length > limit
        ? encodeCursor({ orderBy, descending }, { value: valueOf(last), key: last.key })
        : undefined,
  };
};

const checkIndexed = (field: string, indexes: readonly string[]): void => {
  if (!indexes.includes(field)) {
    throw new InvalidArgumentError(
      `Field "${field}"`,
      `is not indexed, so it cannot be queried. Indexed are: ${indexes.join(', ') || 'none'}. ` +
        'Add it to the indexes of the collection.',
    );
  }
};

const meets = (value: IndexedValue, { eq, in: among, gt, gte, lt, lte }: FieldCondition): boolean =>
  (eq === undefined || value === eq) &&
  (among === undefined || among.includes(value)) &&
  compares(value, gt, (order) => order > 0) &&
  compares(value, gte, (order) => order >= 0) &&
  compares(value, lt, (order) => order < 0) &&
  compares(value, lte, (order) => order <= 0);

/** Larger and smaller are only meant among values of one type; `null` has neither. */
const compares = (
  value: IndexedValue,
  bound: IndexedValue | undefined,
  holds: (order: number) => boolean,
): boolean =>
  bound === undefined ||
  (bound !== null && typeof value === typeof bound && holds(compareValues(value, bound)));
