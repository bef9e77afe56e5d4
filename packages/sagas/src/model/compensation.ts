import { deterministicId } from '@tidemark/core';
import type { RecordedRetry } from './events.js';
import type { SagaInstance, StepInstance } from './instance.js';

/** The steps still to be undone, the last one requested first. */
export const pendingUndo = (instance: SagaInstance): readonly StepInstance[] =>
  [...instance.steps.values()].filter(({ undo }) => undo?.status === 'pending').toReversed();

/** Id of the command of a step's attempt: the same in every process and after every crash. */
export const commandId = (step: StepInstance, attempt: number): string =>
  deterministicId(step.requestId, `command#${attempt}`);

/** Id of the command that undoes a step, by round and attempt. */
export const inverseId = (step: StepInstance, round: number, attempt: number): string =>
  deterministicId(step.requestId, `inverse#${round}.${attempt}`);

/**
 * How long to wait after a failed attempt, in milliseconds, or `undefined` when it was the last one.
 * Waits grow geometrically up to the longest.
 *
 * @param attempt the one that failed, from 1
 */
export const retryDelay = (retry: RecordedRetry, attempt: number): number | undefined =>
  attempt >= retry.attempts
    ? undefined
    : Math.min(retry.delayMs * retry.factor ** (attempt - 1), retry.maxDelayMs);
