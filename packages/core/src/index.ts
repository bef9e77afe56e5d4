/**
 * Messages, aggregates, commands, the log and the processor runtime: one group a station of the path, in the order in which
 * a message passes them.
 *
 * @module @tidemark/core
 */

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
export type { QueryResult, Transaction, TransactionLock } from './backend/transaction.js';
export {
  CheckpointConflictError,
  type Checkpoint,
  type CheckpointMove,
  type CheckpointRefusal,
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

// Decorators and builders
export {
  AggregateId,
  Command,
  Event,
  type CommandOptions,
  type EventOptions,
} from './model/message-decorators.js';
export {
  Aggregate,
  Apply,
  MissingTargetError,
  type AggregateOptions,
  type AggregateSnapshots,
} from './model/aggregate.js';
export { CommandHandler } from './model/command-handler.js';
export { On, Processor, eventHandlers, type ProcessorOptions } from './model/processor.js';
export {
  Upcaster,
  upcaster,
  type ListUpcasterOptions,
  type ListUpcasterRoute,
  type SingleUpcasterOptions,
  type SingleUpcasterRoute,
  type UpcasterRoute,
} from './model/upcaster.js';
export {
  decider,
  type CommandReference,
  type Decider,
  type DeciderMistake,
  type DeciderOptions,
} from './model/decider.js';
export { definitionsOf } from './model/definitions-of.js';

// For packages with decorators of their own
export { attachDefinition, type DefinitionBuilder } from './model/attached.js';
export { MarkKind, type Mark } from './model/class-marks.js';
export { definedAt } from './model/defined-at.js';
export { makeInjectable, tokenOf, type HandlerClass } from './model/handler-class.js';
export {
  callMethod,
  messageDefinitionOf,
  messageHandlers,
  type HandledMessages,
  type MessageHandler,
  type MessageReference,
} from './model/handled-messages.js';
export { MissingTypeError } from './model/message-type.js';

// Schema: from messages to stored JSON and back
export { Schema } from './schema/schema.js';
export { jsonCodec, type Codec } from './schema/codec.js';
export { ItemType } from './schema/fields.js';
export {
  DuplicateNameError,
  SerializationError,
  UnknownMessageError,
  UnknownSchemaVersionError,
  UpcastError,
  ValidationError,
  type Violation,
} from './schema/errors.js';

// The memory backend, and what other backends share with it
export { memory, type MemoryOptions } from './backend/memory/memory.js';
export { TransactionConflictError, TransactionError } from './backend/transaction.js';
export { decodeCursor, encodeCursor, type CursorPlace } from './backend/document-cursor.js';
export { canonicalId, checkActualVersion, checkAppends, checkExpectedVersion } from './log/check-append.js';
export { checkName, checkStreamName } from './log/check-names.js';
export {
  checkReadAll,
  checkReadStream,
  checkStreamMetadata,
  checkSubscribe,
  defaultBatchSize,
} from './log/check-read.js';
export { encodeEvents, type EncodedEvent } from './log/encode-events.js';

// Commands
export { CommandBus } from './commands/command-bus.js';
export type {
  CommandEnvelope,
  CommandMiddleware,
  CommandResult,
  NextCommandStep,
  SendOptions,
} from './commands/command.js';
export { NotRunningError, UnknownCommandError } from './commands/errors.js';
export { InvalidDecisionError, NestedCommandError } from './aggregates/errors.js';

// The application
export { createApp, type AppOptions } from './app/create-app.js';
export { Application, type LoadedAggregate, type WaitOptions } from './app/application.js';
export type { Composition, InstallableDefinition, Lifecycle } from './app/composition.js';
export type { MessageBindings } from './app/message-services.js';
export { combineHealth, type Health, type HealthStatus } from './app/health.js';
export type { Problem } from './observation/problems.js';

// The processor runtime
export { ProcessorRunner } from './processing/processor-runner.js';
export type { RunnerEnvironment } from './processing/runner-environment.js';
export { ProcessorFailedError } from './processing/errors.js';
export type { OpenScope } from './processing/message-scope.js';
export type {
  ProcessorDegradation,
  ProcessorFailure,
  ProcessorState,
  ProcessorStatus,
} from './observation/processor-status.js';
export { WaitTimeoutError, type PositionWaitOptions } from './observation/position-waiters.js';
export { RetrySchedule, type RetryWaits } from './recovery/retry-schedule.js';
export { NonErrorThrownError } from './recovery/thrown.js';

// Ports for many instances and for what could not be handled
export {
  LeaseLostError,
  type AcquireOptions,
  type Lease,
  type LeaseFence,
  type LeaseStatus,
  type LeaseStore,
} from './backend/leases.js';
export type { AnnouncedNode, NodeStore } from './backend/nodes.js';
export type { NodeOptions } from './app/node-presence.js';
export type { ApplicationHealth } from './app/health.js';
export {
  DeadLetterClaimLostError,
  type DeadLetter,
  type DeadLetterAction,
  type DeadLetterActor,
  type DeadLetterAuditEntry,
  type DeadLetterAuditQuery,
  type DeadLetterClaim,
  type DeadLetterClaimOptions,
  type DeadLetterCount,
  type DeadLetterError,
  type DeadLetterPage,
  type DeadLetterSequence,
  type DeadLetterStore,
  type DiscardOptions,
  type NewDeadLetter,
  type ParkedEvent,
  type RequeueOptions,
} from './backend/dead-letters.js';

// Taking part in the application's appends
export {
  Appender,
  type AppendParticipant,
  type AppendStep,
  type Appends,
} from './backend/appender.js';
export {
  auditNumber,
  checkAcquire,
  checkActor,
  checkClaim,
  checkDiscard,
  checkDuration,
  checkLetters,
  checkLimit,
  checkNode,
  checkRequeue,
  keptError,
  letterId,
  placeOf,
  type LetterPlace,
} from './backend/check-ports.js';

// Migration between stores
export { migrate } from './migration/migrate.js';
export { Migration, type MigrationReport } from './migration/migration.js';
export type {
  MigratedEvent,
  MigrationOptions,
  MigrationTransformation,
  Renaming,
} from './migration/migration-options.js';
export type { MigrationPhase, MigrationProgress } from './migration/progress.js';
export {
  MigrationError,
  MigrationVerificationError,
  type StreamDifference,
} from './migration/errors.js';
export { originOf, type EventOrigin } from './migration/origin.js';
export { digestLog, type DigestOptions, type Verification } from './migration/verification.js';
export type { Digest, LogDigest } from './migration/digest.js';

// Spans of time
export { milliseconds, type Duration } from './duration.js';

// Several nodes
export { Locks, LockTimeoutError, type Lock, type LockOptions } from './cluster/locks.js';

// What may be said of a handler
export { mergePolicies, policyIn, type HandlerPolicy, type Priority } from './model/handler-policy.js';
export { Policy, handlerPolicies } from './model/policy.js';

// Batches, middleware and lifecycle of handlers
export type { BatchHandler, BatchOptions, EventsContext } from './model/batch-handler.js';
export type { BatchDelivery } from './model/processor-definition.js';
export type {
  BatchCall,
  EventCall,
  HandlerCall,
  HandlerMiddleware,
  TransactionCall,
} from './model/middleware.js';
export { MiddlewareError } from './processing/middleware-chain.js';
export { OnBatch } from './model/on-batch.js';
export { OnLifecycle } from './model/on-lifecycle.js';
export type { ProcessorChange, ProcessorChangeKind } from './observation/processor-change.js';

// Correlation: windows and patterns over events that share a key
export { Correlation, OnLate, OnMatch, OnWindow } from './correlation/correlation.js';
export type { PatternClassOptions, WindowClassOptions } from './correlation/correlation.js';
export {
  patternCorrelation,
  windowCorrelation,
  type PatternCorrelationOptions,
  type WindowCorrelationOptions,
} from './correlation/by-hand.js';
export { count, session, sliding, tumbling, type Window, type WindowSpec } from './correlation/window.js';
export { Pattern, pattern, type Match, type PatternStep } from './correlation/pattern.js';
export { Correlations, type CorrelationStatus } from './correlation/correlations.js';
export { CorrelationError, CorrelationLimitError } from './correlation/errors.js';
export type {
  CorrelationDefinition,
  CorrelationLimits,
  CorrelationLogic,
  CorrelationOptions,
  Derived,
} from './correlation/definition.js';

// Routing: which events go to which processors, and as what
export { route, type DerivedEvent, type Route, type RouteOptions } from './routing/route.js';
export type {
  EventMatch,
  Match as RouteMatch,
  Patterns,
  TypeReference,
} from './routing/event-match.js';
export type { Comparison, Condition, Conditions, Orderable, Scalar } from './routing/conditions.js';
export { matching, TypePattern } from './routing/type-pattern.js';
export { Routes, type RouteChange, type RouteChangeOptions, type RouteStatus } from './routing/routes.js';
export type { UnroutedEvents } from './routing/unrouted.js';
export { routingOf, type EventRouting, type RoutedEvent } from './routing/routed-event.js';
export { RouteError, UnhandledEventError } from './routing/errors.js';
export type {
  LiveHandler,
  LiveSubscription,
  LiveSubscriptionOptions,
} from './routing/live-subscription.js';
export { Processors } from './app/processors.js';

// Competing consumers that the server manages
export {
  persistentSubscription,
  type ConsumerStrategy,
  type GroupFilter,
  type PersistentSubscriptionOptions,
  type PersistentSubscriptionSource,
} from './model/persistent-subscription.js';
export type {
  GroupConsumer,
  GroupDelivery,
  GroupInfo,
  ParkedEntry,
  PersistentSubscriptions,
} from './backend/persistent-subscriptions.js';
export type { ConsumerGroup, ParkedOptions } from './app/consumer-group.js';

// Recovery: what becomes of events that cannot be handled
export {
  onError,
  rateLimited,
  type ErrorClass,
  type ErrorClassifier,
  type ErrorKind,
  type ErrorRule,
  type ErrorType,
  type RateLimited,
} from './model/error-rules.js';
export type {
  BreakerOptions,
  BulkheadOptions,
  FailureAction,
  RecoveryPolicy,
} from './model/handler-policy.js';
export type { DeadLetterOptions, DeadLetterRetry } from './model/dead-letter-options.js';
export { Compensate } from './model/compensate.js';
export {
  BreakerOpenError,
  CompensationFailedError,
  DeadLettersFullError,
  ErrorRuleError,
  HandlersLeftError,
  HandlerTimeoutError,
} from './recovery/errors.js';
export type { BreakerStatus } from './recovery/breaker.js';
export type { SlowCall } from './recovery/slow-calls.js';
export type { DeadLetterTotals } from './recovery/parking.js';
export type { ProcessorGivenUp } from './observation/processor-status.js';
export { EventGoneError } from './processing/errors.js';
export type { EditedEvent, LetterRetryResult } from './processing/letter-retries.js';
export type {
  DeadLetterFilter,
  DeadLetterRetryOptions,
  DeadLetterRetryReport,
  DeadLetters,
  ShownDeadLetter,
} from './app/dead-letters.js';
