import type { ServiceScope } from '@tidemark/core';
import type { TableHandler, TableProjectionDefinition } from '../definition.js';
import { ProjectionHandlerError } from '../errors.js';
import type { ModelStorage } from '../storage.js';
import { generationTables } from './table-names.js';

/**
 * Generations as tables of SQL: `"totals@2"`, with a view `totals` over those of the active one. The view is replaced in
 * the transaction that switches, so whoever reads it sees the old read model or the new one, and never neither.
 */
export const tableStorage = (definition: TableProjectionDefinition, services: ServiceScope): ModelStorage => {
  let handlers: ReadonlyMap<string, TableHandler> | undefined;
  const tablesOf = (generation: number) => generationTables(definition.tables, generation);
  return {
    async create(tx, generation) {
      await definition.setup(tx, tablesOf(generation), services);
    },
    refresh: async () => {
      // Tables change with the version only.
    },
    async activate(tx, generation) {
      for (const [table, quoted] of Object.entries(tablesOf(generation))) {
        // Not CREATE OR REPLACE: a new generation may have other columns.
        await tx.query(`DROP VIEW IF EXISTS "${table}"`);
        await tx.query(`CREATE VIEW "${table}" AS SELECT * FROM ${quoted}`);
      }
    },
    async drop(tx, generation) {
      for (const quoted of Object.values(tablesOf(generation)))
        await tx.query(`DROP TABLE IF EXISTS ${quoted}`);
    },
    // What handlers read and write is in their SQL.
    keys: () => undefined,
    async write(tx, generation, events, { isReplay, signal }) {
      handlers ??= new Map(definition.handlers(services).map((handler) => [handler.type, handler]));
      const tables = tablesOf(generation);
      for (const event of events) {
        const handler = handlers.get(event.type);
        if (handler === undefined) continue;
        try {
          await handler.handle(event.data, tx, {
            projection: definition.name,
            event,
            tables,
            isReplay,
            signal,
          });
        } catch (error) {
          throw new ProjectionHandlerError(definition.name, event, undefined, error);
        }
      }
    },
  };
};
