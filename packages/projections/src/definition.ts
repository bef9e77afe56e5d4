import type {
  EventFilter,
  HandlerClass,
  InstallableDefinition,
  MessageDefinition,
  RecordedEvent,
  RetryPolicy,
  ServiceScope,
  Transaction,
} from '@tidemark/core';

/** The surroundings of one event in a document projection. Nothing in it can change the world: the fold is pure. */
export interface DocumentContext {
  readonly projection: string;
  /** Key of the document being folded. */
  readonly key: string;
  /** The event with its stream, position, time and metadata; its data is the handler's first argument. */
  readonly event: RecordedEvent;
}

/** The surroundings of one event in a table projection. */
export interface TableContext<Table extends string = string> {
  readonly projection: string;
  /** The event with its stream, position, time and metadata; its data is the handler's first argument. */
  readonly event: RecordedEvent;
  /** The tables of the generation being written, quoted, by their declared names: use these in SQL that writes. */
  readonly tables: Readonly<Record<Table, string>>;
  /** True while the projection is being rebuilt. */
  readonly isReplay: boolean;
  readonly signal: AbortSignal;
}

/**
 * Finds the documents that an event belongs to: one key, several, or none (`undefined` or an empty list), which skips
 * the event.
 */
export type KeySelector<Event> = (
  event: Event,
  recorded: RecordedEvent,
) => string | readonly string[] | undefined;

/**
 * The next document: an object replaces the one there is, `null` deletes it, `undefined` leaves all as it is.
 */
export type NextDocument<Document> = Document | null | undefined;

/** What one type of event does to its documents. */
export interface DocumentHandler<Document = object> {
  /** Name of the event type, at its newest version. */
  readonly type: string;
  /** The method or place it was defined at, for messages. */
  readonly label: string;
  /**
   * Keys of the documents that the event belongs to; none (`undefined` or an empty list) skips it.
   *
   * @param event the event's data, an instance where its type has a class
   * @throws {InvalidDocumentError} the property that should hold the key holds no string
   */
  keys(event: unknown, recorded: RecordedEvent): string | readonly string[] | undefined;
  /** The next document, from the event's data and the document as it is: frozen, or `undefined` if there is none. Pure. */
  fold(event: unknown, document: Document | undefined, context: DocumentContext): NextDocument<Document>;
}

/** What one type of event does to the tables. */
export interface TableHandler<Table extends string = string> {
  /** Name of the event type, at its newest version. */
  readonly type: string;
  readonly label: string;
  /**
   * Writes to the tables for one event, given its data, in the transaction that also moves the checkpoint. A promise is
   * awaited, and its value ignored.
   */
  handle(event: unknown, tx: Transaction, context: TableContext<Table>): unknown;
}

/**
 * When a projection takes in events. `async`: follows the log a moment behind. `inline`: in the transaction of each append that
 * the application makes. `live`: when it is asked, from the events, and nothing is stored.
 */
export type ProjectionMode = 'async' | 'inline' | 'live';

/**
 * Where the events of one document of a live query are found, given its key: the name of a stream, or of several, or a filter
 * of the whole log.
 */
export type LiveSource = (key: string) => string | readonly string[] | EventFilter;

/** What document and table projections share. */
export interface ProjectionBase extends InstallableDefinition {
  readonly kind: 'projection';
  /** Up to 150 characters. Stored: it names the read model and its checkpoints. */
  readonly name: string;
  /**
   * Version of the read model, from 1. Raise it when handlers or documents change: the next start builds a new
   * generation beside the old one and switches when it has caught up.
   */
  readonly version: number;
  /** When it takes in events. Default: `async`. Another mode is a new generation, as another version is. */
  readonly mode?: ProjectionMode | undefined;
  /** Names of the event types that it handles. */
  readonly types: readonly string[];
  /** Classes of events that it mentions; they are registered with it. */
  readonly messages: readonly MessageDefinition[];
  /** Most events in one batch, which is one transaction. Default: 500; rebuilding, 5,000. */
  readonly batchSize?: number | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** The class whose methods handle, if it was made from one; the application binds it where the user has not. */
  readonly handler?: HandlerClass | undefined;
}

/**
 * A read model of JSON documents, each the fold of the events that share its key.
 * Made by `@Projection` from a class, or by `documentProjection` from functions.
 */
export interface DocumentProjectionDefinition<Document extends object = object, Field extends string = string>
  extends ProjectionBase {
  readonly model: 'documents';
  /** Dotted paths of the fields that queries may use. */
  readonly indexes: readonly Field[];
  /** Where live queries find the events of a key. Default: they look through the whole log for the types that it handles. */
  readonly source?: LiveSource | undefined;
  /** The handlers, bound to what they depend on. */
  handlers(services: ServiceScope): readonly DocumentHandler<Document>[];
}

/**
 * A read model of SQL tables that the handlers write themselves.
 * Made by `@Projection({ kind: 'table' })` from a class, or by `tableProjection` from functions.
 */
export interface TableProjectionDefinition<Table extends string = string> extends ProjectionBase {
  readonly model: 'tables';
  /** Names of the tables. Each generation has its own; a view of that name shows the active one. */
  readonly tables: readonly Table[];
  /** Creates the tables of a new generation, under the quoted names given. */
  setup(tx: Transaction, tables: Readonly<Record<Table, string>>, services: ServiceScope): Promise<unknown>;
  /** The handlers, bound to what they depend on. */
  handlers(services: ServiceScope): readonly TableHandler<Table>[];
}

/** A projection of either kind; its `model` tells which. */
export type ProjectionDefinition = DocumentProjectionDefinition | TableProjectionDefinition;
