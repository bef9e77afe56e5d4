import type { Class, Duration, Message, Metadata } from '@tidemark/core';
import type { StepResult } from './events.js';

/** An event type: its class, or its stable name. */
export type EventRef = Class | string;

/** A command: an instance of its class, or `{ type, data }`. */
export type CommandMessage = object | Message;

/** How often something is tried. */
export interface RetryOptions {
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** Wait before the second try. Default: `'1s'`. */
  readonly delay?: Duration | undefined;
  /** Each further wait is this many times longer. Default: 2. */
  readonly factor?: number | undefined;
  /** Longest wait. Default: `'5m'`. */
  readonly maxDelay?: Duration | undefined;
}

/** What a step is. It needs a command, or an event to wait for. */
export interface StepOptions {
  /** Tells steps of one name that run side by side apart. */
  readonly key?: string | undefined;
  /** Sent once the step is recorded, always with the same id, however often a crash interrupts. */
  readonly command?: CommandMessage | undefined;
  /** Event that completes it, or several of which one does. Default: the acceptance of its command. */
  readonly completedBy?: EventRef | readonly EventRef[] | undefined;
  /** Event that fails its attempt. A rejected command does so anyway. */
  readonly failedBy?: EventRef | readonly EventRef[] | undefined;
  /** How long an attempt may take before it counts as failed with unknown effect. Default: no end. */
  readonly deadline?: Duration | undefined;
  /** Default: one attempt. */
  readonly retry?: RetryOptions | undefined;
  /** Command that undoes the step: sent when the saga is compensated, if the step took effect or may have. It must
   * accept that there is nothing to undo. */
  readonly inverse?: CommandMessage | undefined;
}

/** A step as handlers see it. */
export interface StepView {
  readonly name: string;
  readonly key: string | undefined;
  readonly status: 'open' | 'completed' | 'failed';
  readonly attempts: number;
  /** Why it failed. */
  readonly reason: string | undefined;
  /** What its command's acceptance gave, if that completed it. */
  readonly result: StepResult | undefined;
}

/**
 * What a handler of a saga decides with. Nothing happens at once: the decisions are recorded together with the input
 * and the changed state, in one append, and carried out from there.
 */
export interface SagaContext {
  readonly saga: string;
  readonly key: string;
  /** Name of the instance's stream; the `sagaId` in the metadata of all it causes. */
  readonly id: string;
  /** When the input being handled was recorded: the time to decide by, the same on every replay. */
  readonly now: Date;
  /** Metadata of the input being handled. */
  readonly metadata: Metadata;

  /**
   * Requests a step. Requested again after its end, it is a new one.
   *
   * @throws {SagaUsageError} the same step is still open; neither command nor event; an event that the saga does not hear
   */
  step(name: string, options: StepOptions): void;
  /** The steps of a name, in the order in which they were requested; without a name, all. */
  steps(name?: string): readonly StepView[];
  /** Declares an open step done: for what no event of its own completes. @throws {SagaUsageError} it is not open */
  completeStep(name: string, key?: string): void;
  /** Declares an open step failed for good. Its `onFailed` handler is not called: this is it. @throws {SagaUsageError} it is not open */
  failStep(name: string, reason: string, key?: string): void;

  /** Sets a timer, anew if it is set already. @throws {SagaUsageError} no handler for it */
  timer(name: string, when: { readonly after: Duration } | { readonly at: Date }): void;
  /** Does nothing if it is not set. */
  cancelTimer(name: string): void;

  /** Asks a person. @throws {SagaUsageError} no handler for it; it is pending already */
  requestApproval(
    name: string,
    options: { readonly question: string; readonly deadline?: Duration | undefined },
  ): void;

  /** Ends the saga well. Commands of open steps are still sent, but what becomes of them no longer matters. */
  complete(result?: unknown): void;
  /** Ends the saga by undoing, last first, all steps that took effect or may have. */
  compensate(reason: string): void;
}
