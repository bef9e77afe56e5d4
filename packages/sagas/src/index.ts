/**
 * Long-running workflows whose every decision is an event.
 *
 * @module @tidemark/sagas
 */

// A saga from a class
export {
  CorrelatedBy,
  OnApproval,
  OnCompleted,
  OnFailed,
  OnTimer,
  Saga,
  Starts,
} from './model/decorators.js';
// A saga from functions
export { SagaBuilder, saga, type DataOf, type SagaOptions } from './model/saga.js';
export type { SagaBehaviour, SagaDefinition, StepFailure } from './model/saga-definition.js';
// What its handlers decide with
export type {
  CommandMessage,
  EventRef,
  RetryOptions,
  SagaContext,
  StepOptions,
  StepView,
} from './model/saga-context.js';
export type { Duration } from '@tidemark/core';
export type { ApprovalDecision, FailureKind, StepResult } from './model/events.js';
export {
  eventType as sagaEventType,
  instanceStream,
  type SagaEventData,
  type SagaEventKind,
} from './model/events.js';
export type { SagaStatus } from './model/instance.js';

// The sagas of a running application
export {
  Sagas,
  type DecidedBy,
  type ListOptions,
  type SagaPage,
  type SagaView,
  type SagaWaitOptions,
} from './runtime/sagas.js';
export type { SagaSummary } from './runtime/instance-list.js';
export type { StoryEntry } from './runtime/story.js';

export {
  SagaHandlerError,
  SagaNotFoundError,
  SagaStateError,
  SagaStatusError,
  SagaUsageError,
} from './errors.js';
