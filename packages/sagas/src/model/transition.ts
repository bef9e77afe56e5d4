import type { Metadata, RecordedEvent } from '@tidemark/core';
import { inverseId, pendingUndo, retryDelay } from './compensation.js';
import { Draft } from './draft.js';
import type { ApprovalDecision, AttemptRef, FailureKind, SagaEvent, StepResult } from './events.js';
import type { SagaInstance, StepInstance } from './instance.js';
import type { SagaBehaviour } from './saga-definition.js';

/** What happened, as far as an instance is concerned. */
export type SagaInput =
  | { readonly kind: 'event'; readonly event: RecordedEvent; readonly start: boolean }
  | {
      readonly kind: 'command-accepted';
      readonly attempt: AttemptRef;
      readonly result: StepResult;
      readonly position: bigint | undefined;
    }
  | { readonly kind: 'command-rejected'; readonly attempt: AttemptRef; readonly reason: string }
  | {
      readonly kind: 'inverse-accepted';
      readonly step: string;
      readonly inverseId: string;
      readonly position: bigint | undefined;
    }
  | {
      readonly kind: 'inverse-rejected';
      readonly step: string;
      readonly inverseId: string;
      readonly reason: string;
    }
  // Facts: noted first, by whoever learns of them, and reacted to once they are read from the log.
  | { readonly kind: 'timer-due'; readonly timer: string; readonly setId: string }
  | { readonly kind: 'deadline-due'; readonly attempt: AttemptRef }
  | { readonly kind: 'retry-due'; readonly attempt: AttemptRef }
  | {
      readonly kind: 'inverse-retry-due';
      readonly step: string;
      readonly round: number;
      readonly attempt: number;
    }
  | {
      readonly kind: 'approval-due';
      readonly decision: ApprovalDecision;
      readonly requestId: string | undefined;
    }
  // Reactions to those facts.
  | { readonly kind: 'timer-fired'; readonly timer: string }
  | { readonly kind: 'deadline-passed'; readonly attempt: AttemptRef }
  | { readonly kind: 'approval-decided'; readonly decision: ApprovalDecision }
  // Interventions of a person.
  | { readonly kind: 'retry-compensation'; readonly by: string | undefined }
  | { readonly kind: 'mark-resolved'; readonly by: string; readonly reason: string };

/** The surroundings of a transition. */
export interface InputContext {
  /** UUID of the input: taken once. */
  readonly id: string;
  /** When it was recorded. */
  readonly at: Date;
  /** Metadata of the input. */
  readonly metadata: Metadata;
}

/**
 * What an instance makes of an input: the events to append, in order, or none if the input is nothing to it: taken
 * already, or overtaken. Pure but for evolving the instance given, which is no longer good for anything if this throws.
 *
 * @throws {SagaHandlerError} a handler threw
 */
export const transition = (
  behaviour: SagaBehaviour,
  instance: SagaInstance,
  input: SagaInput,
  context: InputContext,
): readonly SagaEvent[] => {
  if (instance.inputs.has(context.id)) return [];
  const draft = new Draft(behaviour, instance, context, describe(input));
  take(draft, instance, input);
  finishCompensation(draft, instance);
  return draft.finish();
};

const take = (draft: Draft, instance: SagaInstance, input: SagaInput): void => {
  switch (input.kind) {
    case 'event':
      return takeEvent(draft, instance, input.event, input.start);
    case 'command-accepted': {
      const step = instance.steps.get(input.attempt.step);
      // Which attempt was accepted does not matter: what the step is there for is done.
      if (step === undefined || step.status === 'completed' || instance.status === 'completed') return;
      return completeStep(draft, instance, step, {
        attempt: input.attempt.attempt,
        position: input.position,
        result: input.result,
      });
    }
    case 'command-rejected':
      return failAttempt(draft, instance, input.attempt, 'rejected', input.reason);
    case 'inverse-accepted': {
      const step = underWay(instance, input);
      if (step?.undo === undefined) return;
      const { attempt } = step.undo;
      draft.emit('inverse-completed', { step: step.id, attempt, position: input.position?.toString() });
      return;
    }
    case 'inverse-rejected': {
      const step = underWay(instance, input);
      if (step?.undo === undefined) return;
      const { attempt } = step.undo;
      const retryInMs = retryDelay(draft.behaviour.inverseRetry, attempt);
      draft.emit('inverse-failed', { step: step.id, attempt, reason: input.reason, retryInMs });
      if (retryInMs === undefined) {
        draft.emit('needs-person', {
          reason: `The inverse of step "${step.id}" failed ${attempt} times: ${input.reason}`,
        });
      }
      return;
    }
    case 'timer-due':
      if (instance.timers.get(input.timer)?.setId !== input.setId) return;
      draft.emit('timer-fired', { timer: input.timer });
      return;
    case 'deadline-due':
      if (openAttempt(instance, input.attempt) !== undefined) draft.emit('deadline-passed', input.attempt);
      return;
    case 'retry-due': {
      const step = instance.steps.get(input.attempt.step);
      if (instance.status !== 'running' || step?.status !== 'open' || !step.waiting) return;
      if (step.attempt + 1 === input.attempt.attempt) draft.emit('retry-due', input.attempt);
      return;
    }
    case 'inverse-retry-due': {
      const undo = instance.steps.get(input.step)?.undo;
      if (instance.status !== 'compensating' || undo?.status !== 'pending' || !undo.waiting) return;
      if (undo.round !== input.round || undo.attempt + 1 !== input.attempt) return;
      draft.emit('inverse-retry-due', { step: input.step, attempt: input.attempt });
      return;
    }
    case 'approval-due': {
      const pending = instance.approvals.get(input.decision.approval);
      if (pending === undefined || (input.requestId ?? pending.requestId) !== pending.requestId) return;
      draft.emit('approval-decided', input.decision);
      return;
    }
    case 'timer-fired':
      if (instance.status !== 'running') return;
      draft.emit('handled', {});
      return draft.handleTimer(input.timer);
    case 'deadline-passed':
      return failAttempt(draft, instance, input.attempt, 'deadline', 'nothing came in time');
    case 'approval-decided':
      if (instance.status !== 'running') return;
      draft.emit('handled', {});
      return draft.handleApproval(input.decision);
    case 'retry-compensation':
      if (instance.status === 'needs-person') draft.emit('compensation-retried', { by: input.by });
      return;
    case 'mark-resolved':
      if (instance.status === 'needs-person') draft.emit('resolved', { by: input.by, reason: input.reason });
      return;
  }
};

const takeEvent = (draft: Draft, instance: SagaInstance, event: RecordedEvent, start: boolean): void => {
  if (instance.status === undefined) {
    if (!start) return;
    draft.emit('started', { key: instance.key });
    return draft.handleStart(event);
  }
  if (instance.status === 'completed') return;
  const step = stepOfEvent(instance, event);
  if (step !== undefined && step.completedBy.includes(event.type)) {
    // Completed by another attempt before: its handler has run.
    if (step.status === 'completed') return;
    return completeStep(
      draft,
      instance,
      step,
      { attempt: attemptOf(instance, event) ?? step.attempt, position: event.position, result: undefined },
      event,
    );
  }
  const handled = instance.status === 'running' && draft.behaviour.on.has(event.type);
  if (step !== undefined && step.status === 'open' && step.failedBy.includes(event.type)) {
    if (handled) {
      draft.emit('handled', {});
      draft.handleEvent(event);
    }
    const attempt = attemptOf(instance, event) ?? step.attempt;
    return failAttempt(draft, instance, { step: step.id, attempt }, 'event', `event ${event.type}`);
  }
  if (!handled) return;
  draft.emit('handled', {});
  draft.handleEvent(event);
};

/**
 * The step that an event settles: the one whose command caused it; and for an event from elsewhere, or caused further
 * down, the only open step that waits for its type.
 */
const stepOfEvent = (instance: SagaInstance, event: RecordedEvent): StepInstance | undefined => {
  const waitsFor = (step: StepInstance): boolean =>
    step.completedBy.includes(event.type) || step.failedBy.includes(event.type);
  const { sagaId, sagaStep } = event.metadata;
  if (sagaId === instance.stream && typeof sagaStep === 'string') {
    const step = instance.steps.get(sagaStep);
    if (step !== undefined && waitsFor(step)) return step;
  }
  let only: StepInstance | undefined;
  for (const step of instance.steps.values()) {
    if (step.status !== 'open' || !waitsFor(step)) continue;
    if (only !== undefined) return undefined;
    only = step;
  }
  return only;
};

const attemptOf = (instance: SagaInstance, event: RecordedEvent): number | undefined => {
  const { sagaId, sagaAttempt } = event.metadata;
  return sagaId === instance.stream && typeof sagaAttempt === 'number' ? sagaAttempt : undefined;
};

const completeStep = (
  draft: Draft,
  instance: SagaInstance,
  step: StepInstance,
  outcome: {
    readonly attempt: number;
    readonly position: bigint | undefined;
    readonly result: StepResult | undefined;
  },
  event?: RecordedEvent,
): void => {
  const running = instance.status === 'running';
  const late = !running || step.status !== 'open';
  const roundBefore = step.undo?.round ?? 0;
  draft.emit('step-completed', {
    step: step.id,
    attempt: outcome.attempt,
    position: outcome.position?.toString(),
    result: outcome.result,
    late: late ? true : undefined,
  });
  if (running) {
    if (event !== undefined) draft.handleEvent(event);
    if (!late) draft.handleSettled(step);
    return;
  }
  // It took effect after it was undone, or after it was held to have failed for certain: it has to be undone now.
  const { undo, inverse } = step;
  const reopened = undo === undefined ? inverse !== undefined : undo.round > roundBefore;
  if (reopened && instance.status !== 'needs-person') {
    draft.emit('compensation-started', { reason: `step "${step.id}" was completed late` });
  }
};

const failAttempt = (
  draft: Draft,
  instance: SagaInstance,
  ref: AttemptRef,
  cause: FailureKind,
  reason: string,
): void => {
  const step = openAttempt(instance, ref);
  if (step === undefined) return;
  const running = instance.status === 'running';
  const retryInMs = running ? retryDelay(step.retry, ref.attempt) : undefined;
  if (retryInMs !== undefined) {
    draft.emit('attempt-failed', { ...ref, cause, reason, retryInMs });
    return;
  }
  draft.emit('step-failed', { ...ref, cause, reason });
  if (!running) return;
  draft.handleFailed(step);
  draft.handleSettled(step);
};

/** The step, if this attempt of it is under way. */
const openAttempt = (instance: SagaInstance, { step: id, attempt }: AttemptRef): StepInstance | undefined => {
  const step = instance.steps.get(id);
  if (instance.status === 'completed' || step?.status !== 'open' || step.waiting) return undefined;
  return step.attempt === attempt ? step : undefined;
};

/** The step, if this very inverse of it is under way. */
const underWay = (
  instance: SagaInstance,
  { step: id, inverseId: sent }: { readonly step: string; readonly inverseId: string },
): StepInstance | undefined => {
  const step = instance.steps.get(id);
  if (step?.undo?.status !== 'pending' || step.undo.waiting) return undefined;
  return inverseId(step, step.undo.round, step.undo.attempt) === sent ? step : undefined;
};

/** Compensation ends when nothing is left to undo. */
const finishCompensation = (draft: Draft, instance: SagaInstance): void => {
  if (instance.status === 'compensating' && pendingUndo(instance).length === 0) draft.emit('compensated', {});
};

/** The input in words: for the stream, and for messages. */
const describe = (input: SagaInput): string => {
  switch (input.kind) {
    case 'event':
      return `event ${input.event.type}`;
    case 'command-accepted':
    case 'command-rejected':
    case 'deadline-due':
    case 'deadline-passed':
    case 'retry-due':
      return `${input.kind} ${input.attempt.step}#${input.attempt.attempt}`;
    case 'inverse-accepted':
    case 'inverse-rejected':
    case 'inverse-retry-due':
      return `${input.kind} ${input.step}`;
    case 'timer-due':
    case 'timer-fired':
      return `${input.kind} ${input.timer}`;
    case 'approval-due':
    case 'approval-decided':
      return `${input.kind} ${input.decision.approval}: ${input.decision.outcome}`;
    default:
      return input.kind;
  }
};
