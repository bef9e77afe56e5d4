import { quoteIdentifier } from './identifier.js';
import { SchemaNames } from './schema-names.js';

/**
 * The SQL that gives an application's role the rights that it needs and no more, where another role owns the tables and runs
 * {@link migrationSql}, and the application opens its backend with `autoMigrate: false`. To be run again after each upgrade.
 *
 * - In the schema: to use it, and to create in it, since each collection of documents is a table of its own. These tables
 *   belong to the role; so all processes of the application must have the same one.
 * - Events: to read them and to append them. `DELETE` is what PostgreSQL asks of who locks the table to delete a stream, and
 *   what archiving needs; the database turns it into moving events to the archive, and refuses all else. Without it, streams
 *   cannot be deleted and events not archived.
 * - The archive: to read it. It is written to by the database itself.
 * - What was migrated: to read it.
 * - All other tables, and the sequence of positions: to read them and to write to them.
 *
 * @throws {ConfigurationError} PostgreSQL cannot have a role or schema of this name
 */
export const grantSql = ({
  role,
  schema = 'tidemark',
}: {
  /** Role of the application. */
  readonly role: string;
  /** Schema that all tables are in. Default: `tidemark`. */
  readonly schema?: string | undefined;
}): string => {
  const to = quoteIdentifier(role, 'role');
  return new SchemaNames(schema).fill(`BEGIN;
GRANT USAGE, CREATE ON SCHEMA {schema} TO ${to};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO ${to};
REVOKE UPDATE ON {schema}.events FROM ${to};
REVOKE INSERT, UPDATE, DELETE ON {schema}.archived_events, {schema}.all_events, {schema}.migrations FROM ${to};
GRANT SELECT, USAGE ON SEQUENCE {schema}.positions TO ${to};
COMMIT;
`);
};
