import { type Class, definedAt, type RetryPolicy } from '@tidemark/core';
import { checkDefinition } from '../check-definition.js';
import type {
  DocumentContext,
  DocumentProjectionDefinition,
  KeySelector,
  LiveSource,
  NextDocument,
  ProjectionMode,
} from '../definition.js';
import { messagesOf, referencedEvent } from '../event-reference.js';
import { install } from '../install.js';
import { type AnyHandlerKey, type HandlerKey, keysBy, type ProjectionKey } from '../key.js';
import type { FieldPath } from './field-path.js';

/** What {@link OnDocument} makes: a handler that still lacks the projection's key. */
export interface DocumentHandlerDraft<Document> {
  readonly event: Class | string;
  readonly key: AnyHandlerKey | undefined;
  /** The function given: from the event's data and the document as it is, the next document. */
  fold(event: never, document: Document | undefined, context: DocumentContext): NextDocument<Document>;
}

/**
 * Makes a handler of a document projection from a pure function: from an event and the document as it is (`undefined`
 * if there is none), the next document, `null` to delete it, or `undefined` to leave it. The document given is frozen.
 */
export interface OnDocument<Document extends object> {
  /** @param event class of the event */
  <Event extends object>(
    event: Class<Event>,
    fold: (event: Event, document: Document | undefined, context: DocumentContext) => NextDocument<Document>,
    options?: { readonly key?: HandlerKey<Event> | undefined },
  ): DocumentHandlerDraft<Document>;
  /** @param type name of an event type without a class; annotate the handler's first parameter with its data */
  <Data>(
    type: string,
    fold: (data: Data, document: Document | undefined, context: DocumentContext) => NextDocument<Document>,
    options?: { readonly key?: string | KeySelector<NoInfer<Data>> | undefined },
  ): DocumentHandlerDraft<Document>;
}

/** The parts that `documentProjection` makes a projection of. */
export interface DocumentProjectionOptions<Document extends object, Field extends string> {
  /** Stable, explicit name of up to 150 characters. */
  readonly name: string;
  /** Raise it when handlers or documents change, and the next start builds the read model anew. Default: 1. */
  readonly version?: number | undefined;
  /**
   * When it takes in events: `async` follows the log, `inline` is in the transaction of each append of the application, `live`
   * folds when it is asked and stores nothing. Default: `async`.
   */
  readonly mode?: ProjectionMode | undefined;
  /** Dotted paths of the fields that queries may use, e.g. `owner.id`. Default: none; documents are found by key. */
  readonly indexes?: readonly (Field & FieldPath<NoInfer<Document>>)[] | undefined;
  /** Where every handler without a key of its own finds its documents. */
  readonly key?: ProjectionKey | undefined;
  /**
   * Where live queries find the events of a key: `(key) => `order-${key}``. Default: they look through the whole log for the
   * types that it handles.
   */
  readonly source?: LiveSource | undefined;
  /** Most events in one batch, which is one transaction. Default: 500; rebuilding, 5,000. */
  readonly batchSize?: number | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** The handlers, made by the function given; annotate it: `(on: OnDocument<Board>) => [on(CardAdded, …)]`. */
  handlers(on: OnDocument<Document>): readonly DocumentHandlerDraft<Document>[];
}

/**
 * A read model of documents from pure functions. The type of the documents and of each event is inferred from them.
 *
 * @example
 * ```ts
 * const board = documentProjection({
 *   name: 'board',
 *   indexes: ['cards'],
 *   key: 'boardId',
 *   handlers: (on: OnDocument<Board>) => [
 *     on(CardAdded, (card, board) => ({ cards: (board?.cards ?? 0) + 1 })),
 *     on(BoardClosed, () => null),
 *   ],
 * });
 * ```
 * @throws {ConfigurationError} a bad name or version, a handler without a key, or two for one event
 */
export const documentProjection = <Document extends object, const Field extends string = never>(
  options: DocumentProjectionOptions<Document, Field>,
): DocumentProjectionDefinition<Document, Field> => {
  const place = definedAt(documentProjection);
  const { name, version = 1, mode, indexes = [], source, batchSize, retry } = options;
  const by = `documentProjection "${name}" (${place})`;
  const handlers = options.handlers(onDocument).map((draft) => {
    const label = `the handler of "${typeof draft.event === 'string' ? draft.event : draft.event.name}" in ${by}`;
    const event = referencedEvent(draft.event, label);
    return {
      event,
      type: event.type,
      label,
      keys: keysBy(draft.key, options.key, label),
      // The event's type was checked where the draft was made, and is told again by the event's name.
      fold: (data: unknown, document: Document | undefined, context: DocumentContext) =>
        draft.fold(data as never, document, context),
    };
  });
  const types = handlers.map(({ type }) => type);
  checkDefinition(by, { name, version, types });
  const definition: DocumentProjectionDefinition<Document, Field> = {
    kind: 'projection',
    model: 'documents',
    name,
    version,
    mode,
    definedAt: place,
    indexes,
    source,
    types,
    messages: messagesOf(handlers.map(({ event }) => event)),
    batchSize,
    retry,
    handlers: () => handlers,
    install: (composition) => install(definition, composition),
  };
  return definition;
};

const onDocument = <Document extends object>(
  event: Class | string,
  fold: (event: never, document: Document | undefined, context: DocumentContext) => NextDocument<Document>,
  options?: { readonly key?: AnyHandlerKey | undefined },
): DocumentHandlerDraft<Document> => ({ event, fold, key: options?.key });
