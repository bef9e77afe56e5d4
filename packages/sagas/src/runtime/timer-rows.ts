import { deterministicId, type Metadata, type RecordedEvent, type Timer } from '@tidemark/core';
import type { ApprovalDecision, SagaEvent } from '../model/events.js';
import type { SagaInstance } from '../model/instance.js';
import type { SagaInput } from '../model/transition.js';

/** What a timer row says: which input it is to which instance when it is due. */
export interface TimerPayload {
  readonly key: string;
  readonly input: Extract<
    SagaInput,
    { readonly kind: 'timer-due' | 'deadline-due' | 'retry-due' | 'inverse-retry-due' | 'approval-due' }
  >;
  /** Flows from what asked for the timer to what comes of it. */
  readonly metadata: Metadata;
}

/** Whom the timers of a saga are for. */
export const timerTarget = (saga: string): string => `saga:${saga}`;

const deadlineId = (requestId: string, attempt: number): string =>
  deterministicId(requestId, `deadline#${attempt}`);
const timerId = (setId: string): string => deterministicId(setId, 'timer');

/**
 * The timer row that an event of an instance's stream asks for, or `undefined`. Its id comes from the event, so however
 * often the event is read, it is one row.
 *
 * @param event as recorded: times count from when it was, by the store's clock
 * @param instance as of the event or later
 * @param metadata of messages that the event causes
 */
export const timerRow = (
  instance: SagaInstance,
  event: SagaEvent,
  recordedAt: Date,
  metadata: Metadata,
): Timer | undefined => {
  const row = (id: string, afterMs: number, input: TimerPayload['input']): Timer => ({
    id,
    target: timerTarget(instance.saga),
    dueAt: new Date(recordedAt.getTime() + afterMs),
    payload: { key: instance.key, input, metadata } satisfies TimerPayload,
  });
  switch (event.kind) {
    case 'step-requested':
    case 'retry-due': {
      const step = instance.steps.get(event.data.step);
      const attempt = event.kind === 'retry-due' ? event.data.attempt : 1;
      if (step?.deadlineMs === undefined || step.status !== 'open' || step.attempt !== attempt)
        return undefined;
      return row(deadlineId(step.requestId, attempt), step.deadlineMs, {
        kind: 'deadline-due',
        attempt: { step: step.id, attempt },
      });
    }
    case 'attempt-failed':
      return row(deterministicId(event.id, 'retry'), event.data.retryInMs, {
        kind: 'retry-due',
        attempt: { step: event.data.step, attempt: event.data.attempt + 1 },
      });
    case 'inverse-failed': {
      const undo = instance.steps.get(event.data.step)?.undo;
      if (event.data.retryInMs === undefined || undo === undefined) return undefined;
      return row(deterministicId(event.id, 'retry'), event.data.retryInMs, {
        kind: 'inverse-retry-due',
        step: event.data.step,
        round: undo.round,
        attempt: event.data.attempt + 1,
      });
    }
    case 'timer-set': {
      const input = { kind: 'timer-due', timer: event.data.timer, setId: event.id } as const;
      if (event.data.at === undefined) return row(timerId(event.id), event.data.afterMs ?? 0, input);
      return { ...row(timerId(event.id), 0, input), dueAt: new Date(event.data.at) };
    }
    case 'approval-requested': {
      if (event.data.deadlineMs === undefined) return undefined;
      const decision: ApprovalDecision = { approval: event.data.approval, outcome: 'expired' };
      return row(deterministicId(event.id, 'deadline'), event.data.deadlineMs, {
        kind: 'approval-due',
        decision,
        requestId: event.id,
      });
    }
    default:
      return undefined;
  }
};

/**
 * Ids of rows that these events made pointless. Removing them is only tidiness: a row that fires for something past is
 * nothing to the instance.
 */
export const obsoleteRows = (instance: SagaInstance, events: readonly SagaEvent[]): readonly string[] => {
  const ids: string[] = [];
  for (const event of events) {
    switch (event.kind) {
      case 'step-completed':
      case 'step-failed':
      case 'attempt-failed': {
        const step = instance.steps.get(event.data.step);
        if (step?.deadlineMs !== undefined) ids.push(deadlineId(step.requestId, step.attempt));
        break;
      }
      case 'timer-cancelled':
        ids.push(timerId(event.data.setId));
        break;
      default:
        break;
    }
  }
  return ids;
};

/** Id of the input that an event is: ids of events are unique only in their streams. */
export const inputIdOf = (event: RecordedEvent): string => deterministicId(event.id, event.stream);
