// The public API of @tidemark/core: one group a station of the path, in the order in which a message passes them.

export { ConfigurationError, TidemarkError } from './error.js';
export { sleep, systemClock, type Clock } from './clock.js';

// Messages
export type { Message, NewEvent, RecordedEvent } from './messages/event.js';
export type { Metadata } from './messages/metadata.js';
export {
  MessageContext,
  currentContext,
  outgoingMetadata,
  withMetadata,
  type MessageContextInit,
  type ServiceScope,
} from './messages/context.js';
export { deterministicId, newId } from './messages/ids.js';

// Definitions: what decorators and builders make
export type { Class, Definition } from './model/definition.js';
export type { MessageDefinition } from './model/message-definition.js';
export type { EventVersion, OldEvent, UpcastEvent, UpcasterDefinition } from './model/upcaster-definition.js';
export {
  streamOf,
  type AggregateDefinition,
  type AppliedEvent,
  type CommandContext,
  type CommandHandlerDefinition,
  type Decision,
  type SnapshotPolicy,
} from './model/aggregate-definition.js';
export type {
  BatchContext,
  EachDelivery,
  HandlerContext,
  ProcessorDefinition,
  RetryPolicy,
  TransactionDelivery,
} from './model/processor-definition.js';

// The log
export type {
  AppendOptions,
  AppendResult,
  Direction,
  EventStore,
  ExpectedVersion,
  ReadAllOptions,
  ReadStreamOptions,
  StoreCapabilities,
  StreamAppend,
  StreamMetadata,
  SubscribeOptions,
  Subscription,
  SubscriptionBatch,
} from './log/event-store.js';
export { compileFilter, type EventFilter } from './log/filter.js';
export {
  ConcurrencyError,
  InvalidArgumentError,
  StoreUnavailableError,
  StreamTombstonedError,
  UnsupportedError,
} from './log/errors.js';

// The backend
export type { Backend } from './backend/backend.js';
export type { QueryResult, Transaction } from './backend/transaction.js';
export {
  CheckpointConflictError,
  type Checkpoint,
  type CheckpointMove,
  type CheckpointStore,
} from './backend/checkpoints.js';
export type { Snapshot, SnapshotStore } from './backend/snapshots.js';
export type { ClaimOptions, Timer, TimerStore } from './backend/timers.js';
export type {
  Collection,
  DocumentChange,
  DocumentPage,
  DocumentQuery,
  DocumentStore,
  FieldCondition,
  IndexedValue,
  StoredDocument,
} from './backend/documents.js';
