/** The backend on a PostgreSQL server. */

export { postgres } from './postgres.js';
export type { PostgresOptions } from './postgres-options.js';
export { grantSql } from '../sql/grants.js';
export { migrationSql } from '../sql/migrate.js';
export { ConnectionLostError, SqlError } from '../sql/driver.js';
export type { ArchiveOptions, ArchiveProgress } from '../sql/archive/archive-options.js';
export type { SqlBackend } from '../sql/archive/sql-backend.js';
