import { InvalidArgumentError } from '@tidemark/core';
import type { DocumentQuery, FieldCondition, IndexedValue } from '@tidemark/core';
import { textArray } from '../array-literal.js';
import type { SqlParameter } from '../driver.js';
import { indexedCharacters, type StoredCollection } from './collections.js';
import { endOfKind, sortKey } from './sort-key.js';

/** Collects the parameters of a statement while its text is put together. */
export class Parameters {
  readonly values: SqlParameter[] = [];

  /** The placeholder of a parameter of this type. */
  add(value: SqlParameter, type: string): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }
}

/** The part of a sort key that the index of its column holds. */
export const indexed = (expression: string): string => `left(${expression}, ${indexedCharacters})`;

/**
 * The column of an indexed field.
 *
 * @throws {InvalidArgumentError} the field is not indexed
 */
export const columnFor = (field: string, { columns }: StoredCollection): string => {
  const column = columns.get(field);
  if (column === undefined) {
    throw new InvalidArgumentError(
      `Field "${field}"`,
      `is not indexed, so it cannot be queried. Indexed are: ${[...columns.keys()].join(', ') || 'none'}. ` +
        'Add it to the indexes of the collection.',
    );
  }
  return column;
};

/** The conditions as SQL, beginning with `WHERE` or empty. */
export const whereClause = (
  where: DocumentQuery['where'],
  collection: StoredCollection,
  parameters: Parameters,
  further: readonly string[] = [],
): string => {
  const all = Object.entries(where ?? {}).flatMap(([field, condition]) =>
    conditionsOn(columnFor(field, collection), condition, parameters),
  );
  const clauses = [...all, ...further];
  return clauses.length === 0 ? '' : `WHERE ${clauses.join(' AND ')}`;
};

/** Each is written twice: for the part of the key that the index holds, and exactly. */
const conditionsOn = (
  column: string,
  { eq, in: among, gt, gte, lt, lte }: FieldCondition,
  parameters: Parameters,
): readonly string[] => {
  const conditions: string[] = [];
  if (eq !== undefined) {
    const key = parameters.add(sortKey(eq), 'text');
    conditions.push(`${indexed(column)} = ${indexed(key)}`, `${column} = ${key}`);
  }
  if (among !== undefined) {
    const keys = parameters.add(textArray(among.map(sortKey)), 'text[]');
    conditions.push(
      `${indexed(column)} = ANY (ARRAY(SELECT ${indexed('k')} FROM unnest(${keys}) AS k))`,
      `${column} = ANY (${keys})`,
    );
  }
  conditions.push(
    ...comparison(column, '>', gt, parameters),
    ...comparison(column, '>=', gte, parameters),
    ...comparison(column, '<', lt, parameters),
    ...comparison(column, '<=', lte, parameters),
  );
  return conditions;
};

/** Larger and smaller are only meant among values of one type; `null` has neither. */
const comparison = (
  column: string,
  operator: '>' | '>=' | '<' | '<=',
  bound: IndexedValue | undefined,
  parameters: Parameters,
): readonly string[] => {
  if (bound === undefined) return [];
  if (bound === null) return ['false'];
  const key = sortKey(bound);
  const bounded = parameters.add(key, 'text');
  // The index holds only the start of a key, which may be the same for both.
  const start = `${indexed(column)} ${operator.startsWith('>') ? '>=' : '<='} ${indexed(bounded)}`;
  const otherEnd = operator.startsWith('>')
    ? `${indexed(column)} < ${parameters.add(endOfKind(key), 'text')}`
    : `${indexed(column)} >= ${parameters.add(key.charAt(0), 'text')}`;
  return [start, otherEnd, `${column} ${operator} ${bounded}`];
};
