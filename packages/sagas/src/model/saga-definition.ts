import type {
  InstallableDefinition,
  Message,
  MessageDefinition,
  RecordedEvent,
  RetryPolicy,
} from '@tidemark/core';
import type { ApprovalDecision, FailureKind, RecordedRetry } from './events.js';
import type { SagaContext } from './saga-context.js';

/** A step that failed for good: after its last attempt. */
export interface StepFailure {
  readonly step: string;
  /** Tells parallel steps of one name apart. */
  readonly key: string | undefined;
  /** - `rejected`: its command was refused; `event`: a `failedBy` event came; `deadline`: nothing came in time;
   *  `handler`: the saga itself said so by `failStep` */
  readonly cause: FailureKind;
  readonly reason: string;
  /** How many attempts were made. */
  readonly attempts: number;
}

/** A handler with the name by which messages and errors call it. */
interface NamedHandler {
  readonly name: string;
}

/** What a saga does with a type of event. `state` is the instance's own; the handler changes its fields. */
export interface SagaEventHandler extends NamedHandler {
  /** The key of the instance that an event is for. Default: that of the instance whose step caused the event. */
  key?(event: RecordedEvent): string | undefined;
  handle(state: object, event: Message, saga: SagaContext): unknown;
}

/** An event handler that begins an instance, whose key must be told. */
export interface SagaStartHandler extends SagaEventHandler {
  key(event: RecordedEvent): string;
}

export interface StepCompletedHandler extends NamedHandler {
  handle(state: object, saga: SagaContext): unknown;
}

export interface StepFailedHandler extends NamedHandler {
  handle(state: object, failure: StepFailure, saga: SagaContext): unknown;
}

export interface TimerHandler extends NamedHandler {
  handle(state: object, saga: SagaContext): unknown;
}

export interface ApprovalHandler extends NamedHandler {
  handle(state: object, decision: ApprovalDecision, saga: SagaContext): unknown;
}

/** A saga: what starts it and how it reacts. Pure: handlers decide, and everything they decide is recorded. */
export interface SagaBehaviour {
  readonly name: string;
  /** A new state object: its fields are the state. */
  initialState(): object;
  /** By event type. */
  readonly starts: ReadonlyMap<string, SagaStartHandler>;
  /** By event type. */
  readonly on: ReadonlyMap<string, SagaEventHandler>;
  /** By name of the step; called once all steps of that name have come to an end. */
  readonly onCompleted: ReadonlyMap<string, StepCompletedHandler>;
  /** By name of the step. A step that fails without one compensates the saga. */
  readonly onFailed: ReadonlyMap<string, StepFailedHandler>;
  /** By name of the timer. */
  readonly onTimer: ReadonlyMap<string, TimerHandler>;
  /** By name of the approval. */
  readonly onApproval: ReadonlyMap<string, ApprovalHandler>;
  /** Every event type that the saga hears: those of its handlers, and those that complete or fail steps. */
  readonly hears: ReadonlySet<string>;
  /** How often an inverse is tried before a person is needed. */
  readonly inverseRetry: RecordedRetry;
}

/** A saga as an application takes it. Made by `@Saga` from a class, or by `saga` from functions. */
export interface SagaDefinition extends InstallableDefinition {
  readonly kind: 'saga';
  readonly behaviour: SagaBehaviour;
  /** Classes of events that it mentions; they are registered with it. */
  readonly messages: readonly MessageDefinition[];
  /** How a throwing handler is tried again before the saga's processor stops with health red. */
  readonly retry: RetryPolicy | undefined;
  /** How many instances and steps are worked on at the same time. */
  readonly concurrency: number;
}
