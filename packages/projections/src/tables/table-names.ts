import { ConfigurationError } from '@tidemark/core';

/**
 * Refuses names that could not be tables of SQL without quoting, or would not leave room for a generation's number
 * within the 63 bytes of a name.
 *
 * @throws {ConfigurationError} such a name, a name twice, or none
 */
export const checkTables = (by: string, tables: readonly string[]): void => {
  if (tables.length === 0)
    throw new ConfigurationError(`${by} needs the names of its tables: tables: ['totals'].`);
  for (const table of tables) {
    if (/^[a-z_][a-z0-9_]{0,49}$/.test(table)) continue;
    throw new ConfigurationError(
      `${by} has a table "${table}": names are lower-case letters, digits and "_", start with no digit, and have up to 50 characters.`,
    );
  }
  if (new Set(tables).size < tables.length) throw new ConfigurationError(`${by} names a table twice.`);
};

/** The quoted name of a generation's table: `"totals@2"`. */
const generationTable = (table: string, generation: number): string => `"${table}@${generation}"`;

/** The quoted names of a generation's tables, by their declared names. */
export const generationTables = <Table extends string>(
  tables: readonly Table[],
  generation: number,
): Readonly<Record<Table, string>> => {
  const names: Partial<Record<Table, string>> = {};
  for (const table of tables) names[table] = generationTable(table, generation);
  return names as Record<Table, string>;
};
