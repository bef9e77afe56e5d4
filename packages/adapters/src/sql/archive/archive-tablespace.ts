import { ConfigurationError } from '@tidemark/core';
import type { SqlDriver } from '../driver.js';
import { quoteIdentifier } from '../identifier.js';
import type { SchemaNames } from '../schema-names.js';

/** The archive and its indexes. */
const relations = [
  ['TABLE', 'archived_events'],
  ['INDEX', 'archived_events_pkey'],
  ['INDEX', 'archived_events_stream_version'],
  ['INDEX', 'archived_events_id'],
] as const;

/**
 * Sees to it that the archive lies in the tablespace that was asked for. An empty one is put there; one that has events is
 * not moved unasked, since nobody could read it meanwhile.
 *
 * @param tablespace undefined: it may lie anywhere
 * @param mayChange whether an empty one may be put there
 *
 * @throws {ConfigurationError} it lies elsewhere; the message says what to run
 */
export const placeArchive = async (
  driver: SqlDriver,
  names: SchemaNames,
  tablespace: string | undefined,
  mayChange: boolean,
): Promise<void> => {
  if (tablespace === undefined) return;
  const move = relations
    .map(
      ([kind, name]) =>
        `ALTER ${kind} ${names.quoted}.${name} SET TABLESPACE ${quoteIdentifier(tablespace, 'archiveTablespace')};`,
    )
    .join(' ');
  if (await isThere(driver, names, tablespace)) return;
  const { rows } = await driver.run(
    names.fill('SELECT EXISTS (SELECT FROM {schema}.archived_events)::integer'),
    [],
  );
  const isEmpty = rows[0]?.[0] === '0';
  if (mayChange && isEmpty) {
    await driver.transaction((session) => session.script(move));
    return;
  }
  throw new ConfigurationError(
    `The archive in schema "${names.name}" does not lie in the tablespace "${tablespace}"${isEmpty ? '' : ', and has events'}. ` +
      `Run, at a time when nobody needs to read archived events: ${move}`,
  );
};

/** Whether all of it is there. A relation in the database's own tablespace has the number 0. */
const isThere = async (driver: SqlDriver, names: SchemaNames, tablespace: string): Promise<boolean> => {
  const { rows } = await driver.run(
    `SELECT t.spcname = $2::text
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_database d ON d.datname = current_database()
       JOIN pg_tablespace t ON t.oid = coalesce(nullif(c.reltablespace, 0), d.dattablespace)
       WHERE n.nspname = $1::text AND c.relname = ANY ($3::text[])`,
    [names.name, tablespace, `{${relations.map(([, name]) => name).join(',')}}`],
  );
  return rows.every(([there]) => there === 't');
};
