import { type Composition, ConfigurationError } from '@tidemark/core';
import type { ProjectionDefinition } from './definition.js';
import type { Entry } from './entries.js';

/**
 * Refuses a projection that the backend cannot hold beside the others.
 *
 * @throws {ConfigurationError} it writes tables, and the backend has no SQL, or another projection has one of its tables
 */
export const checkStorable = (
  definition: ProjectionDefinition,
  { backend }: Composition,
  entries: Iterable<Entry>,
): void => {
  if (definition.model !== 'tables') return;
  if (!backend.sql) {
    throw new ConfigurationError(
      `Projection "${definition.name}" (${definition.definedAt}) writes SQL tables, but the backend "${backend.name}" has no ` +
        'SQL. Make it a document projection, or run on PGlite or PostgreSQL.',
    );
  }
  for (const { generations } of entries) {
    const other = generations.definition;
    const shared =
      other.model === 'tables' ? other.tables.find((table) => definition.tables.includes(table)) : undefined;
    if (shared === undefined) continue;
    throw new ConfigurationError(
      `Projections "${other.name}" (${other.definedAt}) and "${definition.name}" (${definition.definedAt}) both have a ` +
        `table "${shared}". Rename one.`,
    );
  }
};
