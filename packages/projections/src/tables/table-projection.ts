import { type Class, definedAt, type RetryPolicy, type Transaction } from '@tidemark/core';
import { checkDefinition } from '../check-definition.js';
import type { ProjectionMode, TableContext, TableProjectionDefinition } from '../definition.js';
import { messagesOf, referencedEvent } from '../event-reference.js';
import { install } from '../install.js';
import { checkTables } from './table-names.js';

/** What {@link OnTable} makes. */
export interface TableHandlerDraft<Table extends string> {
  readonly event: Class | string;
  /** The function given: writes to the tables for one event; a promise is awaited, and its value ignored. */
  handle(event: never, tx: Transaction, context: TableContext<Table>): unknown;
}

/** Makes a handler of a table projection: it writes SQL of its own in the transaction that also moves the checkpoint. */
export interface OnTable<Table extends string> {
  /** @param event class of the event */
  <Event extends object>(
    event: Class<Event>,
    handle: (event: Event, tx: Transaction, context: TableContext<Table>) => unknown,
  ): TableHandlerDraft<Table>;
  /** @param type name of an event type without a class; annotate the handler's first parameter with its data */
  (
    type: string,
    handle: (data: never, tx: Transaction, context: TableContext<Table>) => unknown,
  ): TableHandlerDraft<Table>;
}

/** The parts that `tableProjection` makes a projection of. */
export interface TableProjectionOptions<Table extends string> {
  /** Stable, explicit name of up to 150 characters. */
  readonly name: string;
  /** Raise it when handlers or tables change, and the next start builds the read model anew. Default: 1. */
  readonly version?: number | undefined;
  /** When it takes in events: `async` follows the log, `inline` is in the transaction of each append of the application. Default: `async`. */
  readonly mode?: Exclude<ProjectionMode, 'live'> | undefined;
  /**
   * Names of the tables: lower-case letters, digits and `_`, up to 50. Each generation has tables of its own, and a
   * view of that name shows the active ones: read from the views, write to `context.tables`.
   */
  readonly tables: readonly Table[];
  /** Most events in one batch, which is one transaction. Default: 500; rebuilding, 5,000. */
  readonly batchSize?: number | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** Creates the tables of a new generation, under the quoted names given. Leave indexes unnamed, or name them after the table. */
  setup(tx: Transaction, tables: Readonly<Record<Table, string>>): Promise<unknown>;
  /** The handlers, made by the function given. */
  handlers(on: OnTable<Table>): readonly TableHandlerDraft<Table>[];
}

/**
 * A read model of SQL tables, written by the handlers themselves, exactly once.
 *
 * @example
 * ```ts
 * const totals = tableProjection({
 *   name: 'totals',
 *   tables: ['totals'],
 *   setup: (tx, tables) => tx.query(`CREATE TABLE ${tables.totals} (board text PRIMARY KEY, cards int NOT NULL)`),
 *   handlers: (on) => [
 *     on(CardAdded, (card, tx, { tables }) =>
 *       tx.query(
 *         `INSERT INTO ${tables.totals} VALUES ($1, 1)
 *          ON CONFLICT (board) DO UPDATE SET cards = ${tables.totals}.cards + 1`,
 *         [card.boardId],
 *       ),
 *     ),
 *   ],
 * });
 * ```
 * @throws {ConfigurationError} a bad name, version or table name, no handler, or two for one event
 */
export const tableProjection = <const Table extends string>(
  options: TableProjectionOptions<Table>,
): TableProjectionDefinition<Table> => {
  const place = definedAt(tableProjection);
  const { name, version = 1, mode, tables, batchSize, retry } = options;
  const by = `tableProjection "${name}" (${place})`;
  const handlers = options.handlers(onTable).map((draft) => {
    const label = `the handler of "${typeof draft.event === 'string' ? draft.event : draft.event.name}" in ${by}`;
    const event = referencedEvent(draft.event, label);
    return {
      event,
      type: event.type,
      label,
      // The event's type was checked where the draft was made, and is told again by the event's name.
      handle: (data: unknown, tx: Transaction, context: TableContext<Table>) =>
        draft.handle(data as never, tx, context),
    };
  });
  const types = handlers.map(({ type }) => type);
  checkDefinition(by, { name, version, types });
  checkTables(by, tables);
  const definition: TableProjectionDefinition<Table> = {
    kind: 'projection',
    model: 'tables',
    name,
    version,
    mode,
    definedAt: place,
    tables,
    types,
    messages: messagesOf(handlers.map(({ event }) => event)),
    batchSize,
    retry,
    setup: (tx, names) => options.setup(tx, names),
    handlers: () => handlers,
    install: (composition) => install(definition, composition),
  };
  return definition;
};

const onTable = <Table extends string>(
  event: Class | string,
  handle: (event: never, tx: Transaction, context: TableContext<Table>) => unknown,
): TableHandlerDraft<Table> => ({ event, handle });
