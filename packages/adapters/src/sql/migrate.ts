import { ConfigurationError } from '@tidemark/core';
import type { SqlDriver, SqlSession } from './driver.js';
import { quoteLiteral } from './identifier.js';
import { migrations, type Migration } from './migrations/migrations.js';
import { SchemaNames } from './schema-names.js';

/**
 * Brings the schema to the newest version: each missing step once, in order, all in one transaction. Whoever else starts
 * at the same time waits and then finds nothing to do.
 *
 * @throws {ConfigurationError} the schema is of a newer version than this program knows
 */
export const migrate = async (
  driver: SqlDriver,
  names: SchemaNames,
  steps: readonly Migration[] = migrations,
): Promise<void> => {
  await driver.transaction(async (session) => {
    await session.script(foundation(names));
    const applied = await appliedIn(session, names);
    refuseNewer(applied, names, steps);
    for (const step of steps) {
      if (step.number > applied) await session.script(sqlOf(step, names));
    }
  });
};

/**
 * Looks whether the schema is at the newest version, and changes nothing.
 *
 * @throws {ConfigurationError} it is not
 */
export const checkMigrated = async (
  driver: SqlDriver,
  names: SchemaNames,
  steps: readonly Migration[] = migrations,
): Promise<void> => {
  const { rows } = await driver.run(`SELECT to_regclass($1::text) IS NOT NULL`, [
    `${names.quoted}.migrations`,
  ]);
  const applied = rows[0]?.[0] === 't' ? await appliedIn(driver, names) : 0;
  refuseNewer(applied, names, steps);
  const newest = newestOf(steps);
  if (applied < newest) {
    throw new ConfigurationError(
      `The schema "${names.name}" is at version ${applied}, and this program needs ${newest}, but autoMigrate is off. ` +
        `Run the SQL that migrationSql({ schema: ${JSON.stringify(names.name)}, from: ${applied} }) gives, or open the ` +
        'backend once with autoMigrate by a role that may change the schema.',
    );
  }
};

/**
 * The SQL that brings a schema to the newest version, in one transaction, to be run by hand, e.g. with `psql`, where the
 * application's own role may not change the schema.
 *
 * @throws {ConfigurationError} PostgreSQL cannot have a schema of this name
 */
export const migrationSql = ({
  schema = 'tidemark',
  from = 0,
}: {
  /** Schema that all tables are in. Default: `tidemark`. */
  readonly schema?: string | undefined;
  /** Version that the schema is at; its table `migrations` says so. Default: 0, it does not exist. */
  readonly from?: number | undefined;
} = {}): string => {
  const names = new SchemaNames(schema);
  const steps = migrations.filter(({ number }) => number > from).map((step) => sqlOf(step, names));
  return ['BEGIN;', foundation(names), ...steps, 'COMMIT;', ''].join('\n');
};

/** The schema itself, and the list of what was done to it. Whoever comes second waits here. */
const foundation = (names: SchemaNames): string =>
  // Making an index on a long log may take longer than any statement is otherwise allowed to.
  `SET LOCAL statement_timeout = 0;
SELECT pg_advisory_xact_lock(hashtextextended(${quoteLiteral(`tidemark.migrate.${names.name}`)}, 0));
CREATE SCHEMA IF NOT EXISTS ${names.quoted};
CREATE TABLE IF NOT EXISTS ${names.quoted}.migrations (
  number integer NOT NULL PRIMARY KEY,
  name text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);`;

const sqlOf = ({ number, name, sql }: Migration, names: SchemaNames): string =>
  `${names.fill(sql)};
INSERT INTO ${names.quoted}.migrations (number, name) VALUES (${number}, ${quoteLiteral(name)});`;

const newestOf = (steps: readonly Migration[]): number => steps.at(-1)?.number ?? 0;

const appliedIn = async (session: SqlSession, names: SchemaNames): Promise<number> => {
  const { rows } = await session.run(`SELECT max(number) FROM ${names.quoted}.migrations`, []);
  return Number(rows[0]?.[0] ?? 0);
};

const refuseNewer = (applied: number, names: SchemaNames, steps: readonly Migration[]): void => {
  const newest = newestOf(steps);
  if (applied > newest) {
    throw new ConfigurationError(
      `The schema "${names.name}" is at version ${applied}, but this program knows only up to ${newest}: ` +
        'it was written by a newer version of Tidemark. Upgrade this one.',
    );
  }
};
