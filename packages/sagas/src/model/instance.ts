import type { Metadata } from '@tidemark/core';
import type {
  FailureKind,
  RecordedCommand,
  RecordedRetry,
  SagaEvent,
  StepRequested,
  StepResult,
} from './events.js';
import { applyPatch, type StateFields } from './state.js';

/**
 * Where an instance stands.
 *
 * - `running`: it goes on by itself
 * - `waiting`: at least one approval by a person is pending
 * - `compensating`: inverses are being run
 * - `completed`, `compensated`: it has ended
 * - `needs-person`: an inverse failed for good; see `retryCompensation` and `markResolved`
 */
export type SagaStatus =
  | 'running'
  | 'waiting'
  | 'compensating'
  | 'completed'
  | 'compensated'
  | 'needs-person';

/** The undoing of a step. */
export interface Undo {
  status: 'pending' | 'done' | 'failed';
  /** From 1; up by one each time the inverse has to run again for a step that took effect after it. */
  round: number;
  /** Attempt of this round that is under way or failed, from 1. */
  attempt: number;
  /** The inverse waits for its retry. */
  waiting: boolean;
  /** Position of the inverse's last event, if it caused one. */
  position: bigint | undefined;
  /** The step was found completed while this round was pending: it may have come after the inverse. */
  overtaken: boolean;
}

/** A step as its instance knows it. */
export interface StepInstance {
  readonly id: string;
  readonly name: string;
  readonly key: string | undefined;
  /** Id of the event that requested it: its commands' ids come from it. */
  readonly requestId: string;
  readonly command: RecordedCommand | undefined;
  readonly completedBy: readonly string[];
  readonly failedBy: readonly string[];
  readonly deadlineMs: number | undefined;
  readonly retry: RecordedRetry;
  readonly inverse: RecordedCommand | undefined;
  status: 'open' | 'completed' | 'failed';
  /** The attempt under way, or the last one. */
  attempt: number;
  /** The attempt failed and the next one waits for its time. */
  waiting: boolean;
  /** At least one attempt ended without anybody knowing whether it took effect. */
  unknown: boolean;
  failure: { readonly cause: FailureKind; readonly reason: string } | undefined;
  result: StepResult | undefined;
  /** Position of what completed it. */
  position: bigint | undefined;
  undo: Undo | undefined;
}

/** A timer that is set. */
export interface TimerInstance {
  readonly name: string;
  /** Id of the event that set it. */
  readonly setId: string;
  readonly afterMs: number | undefined;
  readonly at: string | undefined;
}

/** An approval that is pending. */
export interface ApprovalInstance {
  readonly name: string;
  readonly question: string;
  readonly deadlineMs: number | undefined;
  /** Id of the event that requested it. */
  readonly requestId: string;
}

/**
 * One run of a saga, folded from its stream. {@link evolve} changes it in place: whoever evolves one owns it, and
 * throws it away when what was evolved could not be appended.
 */
export interface SagaInstance {
  readonly saga: string;
  readonly key: string;
  readonly stream: string;
  /** Version of the last event in its stream, -1 before the first. */
  version: number;
  /** `undefined` before it has started. */
  status: Exclude<SagaStatus, 'waiting'> | undefined;
  readonly fields: StateFields;
  /** By id, in the order in which they were requested. */
  readonly steps: Map<string, StepInstance>;
  readonly timers: Map<string, TimerInstance>;
  readonly approvals: Map<string, ApprovalInstance>;
  /** Ids of the inputs taken so far. */
  readonly inputs: Set<string>;
  /** Metadata of the event that started it. */
  metadata: Metadata;
  /** Why it is being, or was, compensated, or needs a person. */
  reason: string | undefined;
  result: unknown;
}

/** An instance that has not started. */
export const emptyInstance = (saga: string, key: string, stream: string): SagaInstance => ({
  saga,
  key,
  stream,
  version: -1,
  status: undefined,
  fields: new Map(),
  steps: new Map(),
  timers: new Map(),
  approvals: new Map(),
  inputs: new Set(),
  metadata: {},
  reason: undefined,
  result: undefined,
});

/** The status as people see it: a running instance with a pending approval waits. */
export const statusOf = (instance: SagaInstance): SagaStatus | undefined =>
  instance.status === 'running' && instance.approvals.size > 0 ? 'waiting' : instance.status;

/**
 * Takes one event of the stream into account: the fold that makes an instance.
 *
 * @param metadata of the event; kept from the first one
 */
export const evolve = (instance: SagaInstance, event: SagaEvent, metadata: Metadata): SagaInstance => {
  instance.version += 1;
  if (event.data.input !== undefined) instance.inputs.add(event.data.input.id);
  if (event.data.state !== undefined) applyPatch(instance.fields, event.data.state);
  switch (event.kind) {
    case 'started':
      instance.status = 'running';
      instance.metadata = metadata;
      break;
    case 'handled':
    case 'deadline-passed':
      break;
    case 'step-requested':
      instance.steps.set(event.data.step, stepOf(event.id, event.data));
      break;
    case 'step-completed': {
      const step = requireStep(instance, event.data.step);
      step.status = 'completed';
      step.waiting = false;
      step.result = event.data.result;
      step.position = event.data.position === undefined ? undefined : BigInt(event.data.position);
      if (step.undo?.status === 'done' && tookEffectAfterUndo(step)) undoAgain(step.undo);
      else if (step.undo?.status === 'pending') step.undo.overtaken = true;
      break;
    }
    case 'attempt-failed': {
      const step = requireStep(instance, event.data.step);
      step.waiting = true;
      step.unknown ||= event.data.cause === 'deadline';
      break;
    }
    case 'retry-due': {
      const step = requireStep(instance, event.data.step);
      step.waiting = false;
      step.attempt = event.data.attempt;
      break;
    }
    case 'step-failed': {
      const step = requireStep(instance, event.data.step);
      step.status = 'failed';
      step.waiting = false;
      step.unknown ||= event.data.cause === 'deadline';
      step.failure = { cause: event.data.cause, reason: event.data.reason };
      // It is known by now that there is nothing to undo.
      if (step.undo?.status === 'pending' && !needsUndo(step)) step.undo = undefined;
      break;
    }
    case 'timer-set':
      instance.timers.set(event.data.timer, {
        name: event.data.timer,
        setId: event.id,
        afterMs: event.data.afterMs,
        at: event.data.at,
      });
      break;
    case 'timer-cancelled':
    case 'timer-fired':
      instance.timers.delete(event.data.timer);
      break;
    case 'approval-requested':
      instance.approvals.set(event.data.approval, {
        name: event.data.approval,
        question: event.data.question,
        deadlineMs: event.data.deadlineMs,
        requestId: event.id,
      });
      break;
    case 'approval-decided':
      instance.approvals.delete(event.data.approval);
      break;
    case 'compensation-started':
      instance.status = 'compensating';
      instance.reason ??= event.data.reason;
      end(instance);
      for (const step of instance.steps.values()) {
        if (step.undo === undefined && needsUndo(step)) {
          step.undo = firstUndo();
        }
      }
      break;
    case 'inverse-completed': {
      const step = requireStep(instance, event.data.step);
      const undo = requireUndo(step);
      undo.status = 'done';
      undo.position = event.data.position === undefined ? undefined : BigInt(event.data.position);
      if (undo.overtaken && tookEffectAfterUndo(step)) undoAgain(undo);
      break;
    }
    case 'inverse-failed': {
      const undo = requireUndo(requireStep(instance, event.data.step));
      if (event.data.retryInMs === undefined) undo.status = 'failed';
      else undo.waiting = true;
      break;
    }
    case 'inverse-retry-due': {
      const undo = requireUndo(requireStep(instance, event.data.step));
      undo.waiting = false;
      undo.attempt = event.data.attempt;
      break;
    }
    case 'compensation-retried':
      instance.status = 'compensating';
      for (const { undo } of instance.steps.values()) {
        if (undo?.status === 'failed') undoAgain(undo);
      }
      break;
    case 'completed':
      instance.status = 'completed';
      instance.result = event.data.result;
      end(instance);
      break;
    case 'compensated':
      instance.status = 'compensated';
      break;
    case 'needs-person':
      instance.status = 'needs-person';
      break;
    case 'resolved':
      instance.status = 'compensated';
      break;
  }
  return instance;
};

const stepOf = (requestId: string, data: StepRequested): StepInstance => ({
  id: data.step,
  name: data.name,
  key: data.key,
  requestId,
  command: data.command,
  completedBy: data.completedBy,
  failedBy: data.failedBy,
  deadlineMs: data.deadlineMs,
  retry: data.retry,
  inverse: data.inverse,
  status: 'open',
  attempt: 1,
  waiting: false,
  unknown: false,
  failure: undefined,
  result: undefined,
  position: undefined,
  undo: undefined,
});

/** A step has to be undone if it took effect, or may have: only one that failed for certain needs nothing. */
export const needsUndo = (step: StepInstance): boolean =>
  step.inverse !== undefined && (step.status !== 'failed' || step.unknown);

/**
 * Whether a completed step whose inverse has run took effect only after it, by the order of the log. An inverse that
 * left no trace in the log had changed nothing, and can be repeated.
 */
const tookEffectAfterUndo = ({ position, undo }: StepInstance): boolean =>
  position !== undefined && (undo?.position === undefined || position > undo.position);

const firstUndo = (): Undo => ({
  status: 'pending',
  round: 1,
  attempt: 1,
  waiting: false,
  position: undefined,
  overtaken: false,
});

const undoAgain = (undo: Undo): void => {
  undo.status = 'pending';
  undo.round += 1;
  undo.attempt = 1;
  undo.waiting = false;
  undo.position = undefined;
  undo.overtaken = false;
};

const end = (instance: SagaInstance): void => {
  instance.timers.clear();
  instance.approvals.clear();
};

const requireStep = (instance: SagaInstance, id: string): StepInstance => {
  const step = instance.steps.get(id);
  if (step === undefined)
    throw new Error(`Stream "${instance.stream}" mentions step "${id}" before requesting it.`);
  return step;
};

const requireUndo = (step: StepInstance): Undo => {
  if (step.undo === undefined)
    throw new Error(`The inverse of step "${step.id}" ended before compensation began.`);
  return step.undo;
};
