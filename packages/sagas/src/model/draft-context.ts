import { milliseconds, type Metadata } from '@tidemark/core';
import { SagaUsageError } from '../errors.js';
import type { Draft } from './draft.js';
import type { RecordedRetry } from './events.js';
import type { StepInstance } from './instance.js';
import { commandOf, eventTypes, toJson } from './message-refs.js';
import type { RetryOptions, SagaContext, StepOptions, StepView } from './saga-context.js';

/** One attempt. */
const once: RecordedRetry = { attempts: 1, delayMs: 0, factor: 1, maxDelayMs: 0 };

/**
 * A retry policy as it is recorded.
 *
 * @throws {SagaUsageError} attempts below 1, a factor below 1
 * @throws {InvalidArgumentError} a bad duration
 */
export const recordedRetry = (options: RetryOptions, where: string): RecordedRetry => {
  const { attempts, delay = '1s', factor = 2, maxDelay = '5m' } = options;
  if (!Number.isSafeInteger(attempts) || attempts < 1 || !(factor >= 1)) {
    throw new SagaUsageError(
      `${where}: a retry needs a whole number of attempts from 1 and a factor from 1.`,
    );
  }
  return {
    attempts,
    delayMs: milliseconds(delay, `${where}: delay`),
    factor,
    maxDelayMs: milliseconds(maxDelay, `${where}: maxDelay`),
  };
};

/** The context that a draft gives to the saga's handlers: every wish becomes an event of the draft. */
export class DraftContext implements SagaContext {
  readonly #draft: Draft;

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  get saga(): string {
    return this.#draft.instance.saga;
  }

  get key(): string {
    return this.#draft.instance.key;
  }

  get id(): string {
    return this.#draft.instance.stream;
  }

  get now(): Date {
    return this.#draft.at;
  }

  get metadata(): Metadata {
    return this.#draft.metadata;
  }

  step(name: string, options: StepOptions): void {
    this.#requireRunning(`step "${name}"`);
    if (!/^[^/@#]+$/.test(name)) {
      throw new SagaUsageError(`A step's name must not be empty or contain "/", "@" or "#": "${name}".`);
    }
    const ref = options.key === undefined ? name : `${name}/${options.key}`;
    const where = `step "${ref}"`;
    const completedBy = eventTypes(options.completedBy);
    const failedBy = eventTypes(options.failedBy);
    if (options.command === undefined && completedBy.length === 0) {
      throw new SagaUsageError(`The ${where} needs a command to send, or an event that completes it.`);
    }
    for (const type of [...completedBy, ...failedBy]) this.#requireHeard(type, where);
    this.#draft.emit('step-requested', {
      step: this.#freshId(ref),
      name,
      key: options.key,
      command: options.command === undefined ? undefined : commandOf(options.command),
      completedBy,
      failedBy,
      deadlineMs:
        options.deadline === undefined ? undefined : milliseconds(options.deadline, `${where}: deadline`),
      retry: options.retry === undefined ? once : recordedRetry(options.retry, where),
      inverse: options.inverse === undefined ? undefined : commandOf(options.inverse),
    });
  }

  steps(name?: string): readonly StepView[] {
    const views: StepView[] = [];
    for (const step of this.#draft.instance.steps.values()) {
      if (name !== undefined && step.name !== name) continue;
      views.push({
        name: step.name,
        key: step.key,
        status: step.status,
        attempts: step.attempt,
        reason: step.failure?.reason,
        result: step.result,
      });
    }
    return views;
  }

  completeStep(name: string, key?: string): void {
    const step = this.#openStep(name, key);
    this.#draft.emit('step-completed', { step: step.id, attempt: step.attempt });
    this.#draft.handleSettled(step);
  }

  failStep(name: string, reason: string, key?: string): void {
    const step = this.#openStep(name, key);
    this.#draft.emit('step-failed', { step: step.id, attempt: step.attempt, cause: 'handler', reason });
  }

  timer(name: string, when: Parameters<SagaContext['timer']>[1]): void {
    this.#requireRunning(`timer "${name}"`);
    if (!this.#draft.behaviour.onTimer.has(name)) throw noHandler(`timer "${name}"`, `@OnTimer('${name}')`);
    this.#draft.emit(
      'timer-set',
      'at' in when
        ? { timer: name, at: when.at.toISOString() }
        : { timer: name, afterMs: milliseconds(when.after, `timer "${name}"`) },
    );
  }

  cancelTimer(name: string): void {
    const timer = this.#draft.instance.timers.get(name);
    if (timer !== undefined) this.#draft.emit('timer-cancelled', { timer: name, setId: timer.setId });
  }

  requestApproval(name: string, options: Parameters<SagaContext['requestApproval']>[1]): void {
    const where = `approval "${name}"`;
    this.#requireRunning(where);
    if (!this.#draft.behaviour.onApproval.has(name)) throw noHandler(where, `@OnApproval('${name}')`);
    if (this.#draft.instance.approvals.has(name))
      throw new SagaUsageError(`The ${where} is pending already.`);
    this.#draft.emit('approval-requested', {
      approval: name,
      question: options.question,
      deadlineMs:
        options.deadline === undefined ? undefined : milliseconds(options.deadline, `${where}: deadline`),
    });
  }

  complete(result?: unknown): void {
    this.#requireRunning('the end');
    this.#draft.emit('completed', { result: toJson(result, 'the result of the saga') });
  }

  compensate(reason: string): void {
    this.#requireRunning('compensation');
    this.#draft.emit('compensation-started', { reason });
  }

  /** The step's reference, or the next free one with a number if it was used before. */
  #freshId(ref: string): string {
    const { steps } = this.#draft.instance;
    let id = ref;
    for (let round = 2; steps.has(id); round++) {
      if (steps.get(id)?.status === 'open') {
        throw new SagaUsageError(
          `The step "${id}" is still open: give steps that run side by side a \`key\` of their own.`,
        );
      }
      id = `${ref}@${round}`;
    }
    return id;
  }

  #openStep(name: string, key: string | undefined): StepInstance {
    this.#requireRunning(`the end of step "${name}"`);
    for (const step of this.#draft.instance.steps.values()) {
      if (step.name === name && step.key === key && step.status === 'open') return step;
    }
    throw new SagaUsageError(
      `The step "${name}"${key === undefined ? '' : ` with key "${key}"`} is not open.`,
    );
  }

  #requireHeard(type: string, where: string): void {
    if (this.#draft.behaviour.hears.has(type)) return;
    throw new SagaUsageError(
      `The ${where} waits for "${type}", which the saga does not hear: give it an @On handler, or list it in ` +
        `@Saga({ events: […] }).`,
    );
  }

  #requireRunning(wish: string): void {
    const { status } = this.#draft.instance;
    if (status !== 'running')
      throw new SagaUsageError(`Too late for ${wish}: the saga is ${status} already.`);
  }
}

const noHandler = (wish: string, handler: string): SagaUsageError =>
  new SagaUsageError(`The ${wish} has no handler: add ${handler}.`);
