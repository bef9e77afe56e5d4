import {
  attachDefinition,
  callMethod,
  type Class,
  definedAt,
  eventHandlers,
  makeInjectable,
  type MessageHandler,
  type RetryPolicy,
  tokenOf,
  type Transaction,
} from '@tidemark/core';
import { checkDefinition } from './check-definition.js';
import type {
  DocumentHandler,
  DocumentProjectionDefinition,
  LiveSource,
  NextDocument,
  ProjectionBase,
  ProjectionMode,
  TableHandler,
  TableProjectionDefinition,
} from './definition.js';
import { keysOf } from './documents/key-decorator.js';
import { install } from './install.js';
import { keysBy, type ProjectionKey } from './key.js';
import { checkTables } from './tables/table-names.js';

interface CommonOptions<Mode extends ProjectionMode> {
  /** Stable, explicit name of up to 150 characters: the read model and its checkpoints are stored under it. */
  readonly name: string;
  /**
   * Raise it when handlers, documents or tables change: the next start builds the read model anew beside the old one,
   * which goes on answering as it was, and switches when the new one has caught up. Default: 1.
   */
  readonly version?: number | undefined;
  /**
   * When it takes in events: `async` follows the log, `inline` is in the transaction of each append of the application, `live`
   * folds when it is asked and stores nothing (documents only). Default: `async`.
   */
  readonly mode?: Mode | undefined;
  /** Most events in one batch, which is one transaction. Default: 500; rebuilding, 5,000. */
  readonly batchSize?: number | undefined;
  readonly retry?: RetryPolicy | undefined;
}

/** What `@Projection` says of a projection to documents. */
export interface DocumentClassOptions extends CommonOptions<ProjectionMode> {
  readonly kind?: 'document' | undefined;
  /** Dotted paths of the fields that queries may use, e.g. `owner.id`. Default: none; documents are found by key. */
  readonly indexes?: readonly string[] | undefined;
  /** Where every handler without `@Key` finds its documents: a property of the events, or a function of the recorded event. */
  readonly key?: ProjectionKey | undefined;
  /**
   * Where live queries find the events of a key: `(key) => `order-${key}``. Default: they look through the whole log for the
   * types that it handles.
   */
  readonly source?: LiveSource | undefined;
}

/** What `@Projection({ kind: 'table' })` says of a projection to SQL tables. */
export interface TableClassOptions extends CommonOptions<Exclude<ProjectionMode, 'live'>> {
  readonly kind: 'table';
  /**
   * Names of the tables: lower-case letters, digits and `_`, up to 50. Each generation has tables of its own, and a
   * view of that name shows the active ones: read from the views, write to `context.tables`.
   */
  readonly tables: readonly string[];
}

/** What a class with `@Projection({ kind: 'table' })` has beside its handlers. */
export interface TableProjectionClass {
  /** Creates the tables of a new generation, under the quoted names given. Leave indexes unnamed, or name them after the table. */
  setup(tx: Transaction, tables: Readonly<Record<string, string>>): Promise<unknown>;
}

interface ProjectionFactory {
  (options: DocumentClassOptions): (type: Class) => void;
  (options: TableClassOptions): (type: Class<TableProjectionClass>) => void;
}

/**
 * Makes the class a projection: its methods with `@On` keep a read model up to date, exactly once.
 *
 * Of a document projection they are pure functions `(event, document, context)`: from an event and the document as it is
 * (`undefined` if there is none; frozen), the next document, `null` to delete it, or `undefined` to leave it. Of a table
 * projection they are `(event, tx, context)` and write SQL of their own; `setup(tx, tables)` creates the tables.
 * The class is resolved through the container, so its constructor may take dependencies.
 *
 * @throws {ConfigurationError} at registration: a bad name or version, no handler, or one without a key
 */
export const Projection: ProjectionFactory = (options: DocumentClassOptions | TableClassOptions) => {
  const place = definedAt(Projection);
  return (type: Class): void => {
    attachDefinition(type, () =>
      options.kind === 'table' ? buildTables(type, options, place) : buildDocuments(type, options, place),
    );
  };
};

const buildDocuments = (
  type: Class,
  options: DocumentClassOptions,
  place: string,
): DocumentProjectionDefinition => {
  const { indexes = [], source } = options;
  const { base, on } = describe(type, options, place);
  const keys = keysOf(type);
  const described = on.map((handler) => {
    const label = labelOf(type, handler);
    return { handler, label, keys: keysBy(keys.get(handler.method), options.key, label) };
  });
  const definition: DocumentProjectionDefinition = {
    ...base,
    model: 'documents',
    indexes,
    source,
    handlers: (services) => {
      const instance = services.get(tokenOf(type));
      return described.flatMap(({ handler, ...rest }) =>
        handler.types.map(
          (name): DocumentHandler => ({
            ...rest,
            type: name,
            fold: (event, document, context) =>
              // What it really gave back is checked where it is folded.
              callMethod(instance, handler.method, [event, document, context]) as NextDocument<object>,
          }),
        ),
      );
    },
    install: (composition) => install(definition, composition),
  };
  return definition;
};

const buildTables = (type: Class, options: TableClassOptions, place: string): TableProjectionDefinition => {
  const { base, by, on } = describe(type, options, place);
  checkTables(by, options.tables);
  const definition: TableProjectionDefinition = {
    ...base,
    model: 'tables',
    tables: options.tables,
    setup: async (tx, tables, services) => {
      await callMethod(services.get(tokenOf(type)), 'setup', [tx, tables]);
    },
    handlers: (services) => {
      const instance = services.get(tokenOf(type));
      return on.flatMap((handler) =>
        handler.types.map(
          (name): TableHandler => ({
            type: name,
            label: labelOf(type, handler),
            handle: (event, tx, context) => callMethod(instance, handler.method, [event, tx, context]),
          }),
        ),
      );
    },
    install: (composition) => install(definition, composition),
  };
  return definition;
};

/** What both kinds share, checked. */
const describe = (type: Class, options: CommonOptions<ProjectionMode>, place: string) => {
  const { name, version = 1, mode, batchSize, retry } = options;
  const by = `@Projection on ${type.name} (${place})`;
  const on = eventHandlers(type);
  const types = on.flatMap((handler) => handler.types);
  checkDefinition(by, { name, version, types });
  makeInjectable(type);
  const base: Omit<ProjectionBase, 'install'> = {
    kind: 'projection',
    name,
    version,
    mode,
    definedAt: place,
    types,
    messages: [...new Set(on.flatMap(({ messages }) => messages))],
    batchSize,
    retry,
    handler: { class: type, scope: 'singleton' },
  };
  return { base, by, on };
};

const labelOf = (type: Class, { method, definedAt: place }: MessageHandler): string =>
  `@On on ${type.name}.${method} (${place})`;
