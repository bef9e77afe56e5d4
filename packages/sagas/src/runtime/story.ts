import type { RecordedEvent } from '@tidemark/core';
import { sagaEventOf, type AttemptRef, type SagaEvent, type SagaEventKind } from '../model/events.js';

/** One line of an instance's story. */
export interface StoryEntry {
  /** When it was recorded. */
  readonly at: Date;
  readonly kind: SagaEventKind;
  /** In words, e.g. `step search/part-1 requested: command research.search`. */
  readonly what: string;
  /** What it was a reaction to, on the first entry of each transition. */
  readonly because?: string | undefined;
  readonly version: number;
}

/** An event of an instance's stream in words, or `undefined` if it is none of the saga's own. */
export const storyEntry = (saga: string, recorded: RecordedEvent): StoryEntry | undefined => {
  const event = sagaEventOf(saga, recorded);
  if (event === undefined) return undefined;
  return {
    at: recorded.recordedAt,
    kind: event.kind,
    what: inWords(event),
    because: event.data.input?.what,
    version: recorded.version,
  };
};

const attempt = ({ step, attempt: count }: AttemptRef): string =>
  count > 1 ? `${step} (attempt ${count})` : step;

const inWords = (event: SagaEvent): string => {
  switch (event.kind) {
    case 'started':
      return `started with key ${event.data.key}`;
    case 'handled':
      return `took ${event.data.input?.what ?? 'an input'}`;
    case 'step-requested': {
      const { step, command, completedBy } = event.data;
      if (command !== undefined) return `step ${step} requested: command ${command.type}`;
      return `step ${step} requested: waits for ${completedBy.join(' or ')}`;
    }
    case 'step-completed':
      return `step ${event.data.step} completed${event.data.late === true ? ', late' : ''}`;
    case 'attempt-failed':
      return `step ${attempt(event.data)} failed: ${event.data.reason}; tried again in ${event.data.retryInMs} ms`;
    case 'retry-due':
      return `step ${attempt(event.data)} requested again`;
    case 'deadline-passed':
      return `deadline of step ${attempt(event.data)} passed`;
    case 'step-failed':
      return `step ${attempt(event.data)} failed: ${event.data.reason}`;
    case 'timer-set':
      return `timer ${event.data.timer} set ${event.data.at === undefined ? `for ${event.data.afterMs} ms` : `to ${event.data.at}`}`;
    case 'timer-cancelled':
      return `timer ${event.data.timer} cancelled`;
    case 'timer-fired':
      return `timer ${event.data.timer} fired`;
    case 'approval-requested':
      return `approval ${event.data.approval} requested: ${event.data.question}`;
    case 'approval-decided': {
      const { approval, outcome, by, comment } = event.data;
      return `approval ${approval} ${outcome}${by === undefined ? '' : ` by ${by}`}${comment === undefined ? '' : `: ${comment}`}`;
    }
    case 'compensation-started':
      return `compensation started: ${event.data.reason}`;
    case 'inverse-completed':
      return `step ${event.data.step} undone`;
    case 'inverse-failed': {
      const { retryInMs, reason } = event.data;
      return `undoing step ${attempt(event.data)} failed: ${reason}${retryInMs === undefined ? '' : `; tried again in ${retryInMs} ms`}`;
    }
    case 'inverse-retry-due':
      return `undoing step ${attempt(event.data)} again`;
    case 'compensation-retried':
      return `compensation tried again${event.data.by === undefined ? '' : ` by ${event.data.by}`}`;
    case 'completed':
      return 'completed';
    case 'compensated':
      return 'compensated';
    case 'needs-person':
      return `needs a person: ${event.data.reason}`;
    case 'resolved':
      return `resolved by ${event.data.by}: ${event.data.reason}`;
    default:
      return unreachable(event);
  }
};

const unreachable = (event: never): never => {
  throw new Error(`An event of a saga has no words: ${JSON.stringify(event)}`);
};
