import { InvalidArgumentError } from '../log/errors.js';
import type { DocumentQuery, IndexedValue } from './documents.js';

/** The last document of a page, as the place that the next page starts behind. */
export interface CursorPlace {
  readonly value: IndexedValue;
  readonly key: string;
}

type Ordering = Pick<DocumentQuery, 'orderBy' | 'descending'>;

/** The cursor for the page behind a place; it holds for this ordering only. */
export const encodeCursor = ({ orderBy, descending }: Ordering, { value, key }: CursorPlace): string =>
  Buffer.from(JSON.stringify([orderBy ?? null, descending ?? false, value, key])).toString('base64url');

/** @throws {InvalidArgumentError} it is not a cursor, or one of a query in another order */
export const decodeCursor = (cursor: string, { orderBy, descending }: Ordering): CursorPlace => {
  const parts = parse(cursor);
  const [field, isDescending, value, key] = parts;
  if (parts.length !== 4 || typeof key !== 'string' || !isValue(value)) {
    throw new InvalidArgumentError('after', 'is not a cursor: give it the `next` of the page before.');
  }
  if (field !== (orderBy ?? null) || isDescending !== (descending ?? false)) {
    throw new InvalidArgumentError(
      'after',
      'is the cursor of a query in another order: keep `orderBy` and `descending` the same from page to page.',
    );
  }
  return { value, key };
};

const parse = (cursor: string): readonly unknown[] => {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
};

const isValue = (value: unknown): value is IndexedValue =>
  value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
