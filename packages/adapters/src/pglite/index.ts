/**
 * The embedded backend: PostgreSQL in the process.
 *
 * @module @tidemark/adapters/pglite
 */

export { pglite, type PgliteOptions } from './pglite.js';
export { FolderInUseError } from './folder-lock.js';
export { SqlError } from '../sql/driver.js';
export type { ArchiveOptions, ArchiveProgress } from '../sql/archive/archive-options.js';
export type { SqlBackend } from '../sql/archive/sql-backend.js';
