import type { RecordedEvent } from '@tidemark/core';
import type { StatePatch } from './state.js';

/** A command as an instance's stream keeps it: the type's stable name and its data. */
export interface RecordedCommand {
  readonly type: string;
  readonly data: unknown;
}

/** How often a step, or an inverse, is tried, and how long the waits between are. */
export interface RecordedRetry {
  /** Tries in all. */
  readonly attempts: number;
  /** Before the second try, in milliseconds. */
  readonly delayMs: number;
  /** Each further wait is this many times longer. */
  readonly factor: number;
  /** Longest wait, in milliseconds. */
  readonly maxDelayMs: number;
}

/** One attempt of one step. */
export interface AttemptRef {
  /** Id of the step in its instance: see {@link StepRequested.step}. */
  readonly step: string;
  /** From 1. */
  readonly attempt: number;
}

export interface StepRequested {
  /** Unique in the instance: `name` or `name/key`, with `@2`, `@3`, … when the same step is requested again. */
  readonly step: string;
  readonly name: string;
  readonly key?: string | undefined;
  /** Left out for a step that only waits for an event. */
  readonly command?: RecordedCommand | undefined;
  /** Event types that complete it; empty if its command's acceptance does. */
  readonly completedBy: readonly string[];
  readonly failedBy: readonly string[];
  readonly deadlineMs?: number | undefined;
  readonly retry: RecordedRetry;
  readonly inverse?: RecordedCommand | undefined;
}

/** Why an attempt, or a step, failed. After a deadline nobody knows whether it took effect; after the others, it did not. */
export type FailureKind = 'rejected' | 'event' | 'deadline' | 'handler';

export interface AttemptFailed extends AttemptRef {
  readonly cause: FailureKind;
  readonly reason: string;
  readonly retryInMs: number;
}

export interface StepCompleted extends AttemptRef {
  /** Position in the log of what completed it, where it is known: tells whether an inverse came before or after it. */
  readonly position?: string | undefined;
  /** What the command's acceptance gave: for steps that no event completes. */
  readonly result?: StepResult | undefined;
  /** It came after the step was given up, or after compensation began. */
  readonly late?: boolean | undefined;
}

/** What the acceptance of a step's command gave. */
export interface StepResult {
  /** The events that the command caused. */
  readonly events: readonly { readonly id: string; readonly type: string }[];
  /** What the command's handler returned, if it belongs to no aggregate. */
  readonly value?: unknown;
}

/** The answer to a request for approval. */
export interface ApprovalDecision {
  readonly approval: string;
  readonly outcome: 'approved' | 'rejected' | 'expired';
  /** Who decided; left out when the deadline did. */
  readonly by?: string | undefined;
  readonly comment?: string | undefined;
}

/** Nothing but what every head says. */
export type NoData = Readonly<Record<string, never>>;

/** The kinds of events in an instance's stream, with their data. */
export interface SagaEventData {
  readonly started: { readonly key: string };
  /** An input was taken that is no event of a step. */
  readonly handled: NoData;

  readonly 'step-requested': StepRequested;
  readonly 'step-completed': StepCompleted;
  readonly 'attempt-failed': AttemptFailed;
  readonly 'retry-due': AttemptRef;
  readonly 'deadline-passed': AttemptRef;
  readonly 'step-failed': AttemptRef & { readonly cause: FailureKind; readonly reason: string };

  readonly 'timer-set': {
    readonly timer: string;
    readonly afterMs?: number | undefined;
    readonly at?: string | undefined;
  };
  readonly 'timer-cancelled': { readonly timer: string; readonly setId: string };
  readonly 'timer-fired': { readonly timer: string };

  readonly 'approval-requested': {
    readonly approval: string;
    readonly question: string;
    readonly deadlineMs?: number | undefined;
  };
  readonly 'approval-decided': ApprovalDecision;

  readonly 'compensation-started': { readonly reason: string };
  readonly 'inverse-completed': AttemptRef & { readonly position?: string | undefined };
  readonly 'inverse-failed': AttemptRef & {
    readonly reason: string;
    readonly retryInMs?: number | undefined;
  };
  readonly 'inverse-retry-due': AttemptRef;
  readonly 'compensation-retried': { readonly by?: string | undefined };

  readonly completed: { readonly result?: unknown };
  readonly compensated: NoData;
  readonly 'needs-person': { readonly reason: string };
  readonly resolved: { readonly by: string; readonly reason: string };
}

/** What an event of an instance's own stream says has happened. */
export type SagaEventKind = keyof SagaEventData;

/** What the first event of a transition says beside its own data. */
export interface TransitionHead {
  /** The input that the transition took: its id and, for people, what it was. */
  readonly input?: { readonly id: string; readonly what: string } | undefined;
  /** How the transition changed the state's fields. */
  readonly state?: StatePatch | undefined;
}

/** An event of an instance's own stream, by kind. */
export type SagaEvent = {
  [Kind in SagaEventKind]: {
    /** UUID. */
    readonly id: string;
    readonly kind: Kind;
    readonly data: SagaEventData[Kind] & TransitionHead;
  };
}[SagaEventKind];

/** Kinds after which something has to be done outside of the stream: what a saga's processor reads of it. */
export const effectKinds = [
  'step-requested',
  'attempt-failed',
  'retry-due',
  'deadline-passed',
  'timer-set',
  'timer-cancelled',
  'timer-fired',
  'approval-requested',
  'approval-decided',
  'compensation-started',
  'inverse-failed',
  'inverse-retry-due',
  'compensation-retried',
] as const satisfies readonly SagaEventKind[];

/** Kinds that change what the list of instances shows. */
export const listedKinds = [
  'started',
  'approval-requested',
  'approval-decided',
  'compensation-started',
  'compensation-retried',
  'completed',
  'compensated',
  'needs-person',
  'resolved',
] as const satisfies readonly SagaEventKind[];

const kinds: Readonly<Record<SagaEventKind, true>> = {
  started: true,
  handled: true,
  'step-requested': true,
  'step-completed': true,
  'attempt-failed': true,
  'retry-due': true,
  'deadline-passed': true,
  'step-failed': true,
  'timer-set': true,
  'timer-cancelled': true,
  'timer-fired': true,
  'approval-requested': true,
  'approval-decided': true,
  'compensation-started': true,
  'inverse-completed': true,
  'inverse-failed': true,
  'inverse-retry-due': true,
  'compensation-retried': true,
  completed: true,
  compensated: true,
  'needs-person': true,
  resolved: true,
};

/** The kind stored under an event type, or `undefined` if the type is not of the saga's own. */
export const eventKind = (saga: string, type: string): SagaEventKind | undefined => {
  const prefix = `saga.${saga}.`;
  if (!type.startsWith(prefix)) return undefined;
  const kind = type.slice(prefix.length);
  return Object.hasOwn(kinds, kind) ? (kind as SagaEventKind) : undefined;
};

/** An event of an instance's stream as it was recorded, or `undefined` if it is none of the saga's own. */
export const sagaEventOf = (saga: string, { id, type, data }: RecordedEvent): SagaEvent | undefined => {
  const kind = eventKind(saga, type);
  // What stands under the type was written by `eventType` and its data; nobody else writes to the stream.
  return kind === undefined ? undefined : ({ id, kind, data } as SagaEvent);
};

/** The event type under which a kind is stored. A type belongs to one saga, so the store can pick one saga's events. */
export const eventType = (saga: string, kind: SagaEventKind): string => `saga.${saga}.${kind}`;

/** Name of the stream of an instance. */
export const instanceStream = (saga: string, key: string): string => `saga:${saga}-${key}`;

/** The key of the instance whose stream this is, or `undefined` if it is no instance of the saga. */
export const instanceKey = (saga: string, stream: unknown): string | undefined => {
  const prefix = instanceStream(saga, '');
  return typeof stream === 'string' && stream.startsWith(prefix) ? stream.slice(prefix.length) : undefined;
};
