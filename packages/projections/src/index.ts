/**
 * Read models that follow the log: describing projections, then using them.
 *
 * @module @tidemark/projections
 */

// Describing
export {
  Projection,
  type DocumentClassOptions,
  type TableClassOptions,
  type TableProjectionClass,
} from './projection.js';
export { Key, type KeyDecorator } from './documents/key-decorator.js';
export {
  documentProjection,
  type DocumentHandlerDraft,
  type DocumentProjectionOptions,
  type OnDocument,
} from './documents/document-projection.js';
export {
  tableProjection,
  type OnTable,
  type TableHandlerDraft,
  type TableProjectionOptions,
} from './tables/table-projection.js';
export type { HandlerKey, ProjectionKey } from './key.js';
export type {
  DocumentContext,
  DocumentHandler,
  DocumentProjectionDefinition,
  KeySelector,
  LiveSource,
  NextDocument,
  ProjectionDefinition,
  ProjectionMode,
  TableContext,
  TableHandler,
  TableProjectionDefinition,
} from './definition.js';

// Using
export {
  Projections,
  type ProjectionReference,
  type ProjectionStatus,
  type ProjectionWaitOptions,
} from './projections.js';
export { LiveReadModel, type AsOf, type LiveEnvironment, type LiveOptions } from './live/live-read-model.js';
export { ReadModel, type FindOptions, type FoundDocument, type Page } from './read-model.js';
export type { ConditionOn, FieldPath, ValueAt, Where } from './documents/field-path.js';
export type { DocumentOf } from './documents/document-of.js';
export type { Generation } from './generations/switch-row.js';
export type { RebuildOptions, RebuildResult } from './generations/rebuild.js';
export type { RebuildProgress } from './generations/progress.js';

// What can go wrong
export {
  GenerationConflictError,
  InlineBuildError,
  InvalidDocumentError,
  LiveLimitError,
  type EventReference,
  ProjectionHandlerError,
  ProjectionReplacedError,
  ProjectionTimeoutError,
  RebuildInProgressError,
  RebuildStoppedError,
  UnknownProjectionError,
} from './errors.js';
