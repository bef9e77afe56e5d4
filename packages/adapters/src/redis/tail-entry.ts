import type { SqlRow } from '../sql/driver.js';
import type { Stretch } from '../sql/events/relay.js';

/** An event in the tail. Nothing lies between `previous` and `position`. */
export interface TailEntry {
  readonly position: bigint;
  readonly previous: bigint;
  readonly row: SqlRow;
}

/** The columns of `row` are fields `0`, `1`, …; a field that is missing is NULL. `n` says how many there are. */
export const encodeEntry = ({ previous, row }: TailEntry): string[] => {
  const fields = ['p', String(previous), 'n', String(row.length)];
  row.forEach((column, index) => {
    if (column !== null) fields.push(String(index), column);
  });
  return fields;
};

/**
 * Reads an entry as Redis gives it: `[id, [name, value, …]]`.
 *
 * @returns `undefined` for one that no relayer can have written
 */
export const decodeEntry = (entry: unknown): TailEntry | undefined => {
  if (!Array.isArray(entry)) return undefined;
  const [id, fields]: unknown[] = entry;
  if (typeof id !== 'string' || !Array.isArray(fields) || !fields.every(isString)) return undefined;
  const [, digits] = /^(\d+)-0$/.exec(id) ?? [];
  const values = new Map<string, string>();
  for (let index = 0; index + 1 < fields.length; index += 2) {
    values.set(fields[index] ?? '', fields[index + 1] ?? '');
  }
  const previous = values.get('p');
  const columns = Number(values.get('n'));
  if (digits === undefined || !isWhole(previous) || !(columns > 0 && columns <= mostColumns))
    return undefined;
  const row = Array.from({ length: columns }, (_, index) => values.get(String(index)) ?? null);
  const position = BigInt(digits);
  if (BigInt(previous) >= position || row[0] !== digits) return undefined;
  return { position, previous: BigInt(previous), row };
};

/**
 * Joins entries that follow on each other, and says where something is missing between them.
 *
 * An entry follows on another if its `previous` is the other's position. A relayer that began behind a rolled-back position
 * names that one, and there is no telling whether something lies before it: that counts as a hole, and PostgreSQL is asked.
 */
export const stretchesOf = (entries: readonly TailEntry[]): readonly Stretch[] => {
  const stretches: { after: bigint; upTo: bigint; rows: SqlRow[] }[] = [];
  for (const { position, previous, row } of entries) {
    const last = stretches.at(-1);
    if (last?.upTo === previous) {
      last.upTo = position;
      last.rows.push(row);
    } else {
      stretches.push({ after: previous, upTo: position, rows: [row] });
    }
  }
  return stretches;
};

const mostColumns = 100;

const isString = (value: unknown): value is string => typeof value === 'string';

const isWhole = (text: string | undefined): text is string => text !== undefined && /^\d{1,19}$/.test(text);
