import type { Backend } from '../backend/backend.js';
import type { Clock } from '../clock.js';
import type { HandlerMiddleware } from '../model/middleware.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import type { FailureAction } from '../model/handler-policy.js';
import type { ProcessorRecovery } from '../recovery/processor-recovery.js';
import type { RecordedEvent } from '../messages/event.js';
import type { RoutedEvent } from '../routing/routed-event.js';
import type { FailureCause } from './errors.js';
import type { OpenScope } from './message-scope.js';

/** A step through the log as handlers take it: events at their newest version, of the types wanted. */
export interface ReadBatch {
  /** In log order. Events that an upcaster or a route made of one have its position and stand side by side. */
  readonly events: readonly RoutedEvent[];
  /** Everything up to and including this position is in the batch, was before, or is not wanted. */
  readonly position: bigint;
}

/** What a processor counts, since its runner was made. */
export interface ProcessorCounts {
  handled: number;
  retried: number;
  redelivered: number;
  parked: number;
  skipped: number;
  compensated: number;
}

/** An event that was given up. */
export interface GivenUp {
  readonly action: Exclude<FailureAction, 'stop'>;
  readonly event: RecordedEvent;
  /** `undefined` for one that was not tried, since it waits behind another. */
  readonly error: Error | undefined;
  readonly attempts: number;
}

/** What a dispatcher needs of the run that it belongs to. */
export interface DispatcherHost {
  readonly definition: ProcessorDefinition;
  readonly backend: Backend;
  readonly clock: Clock;
  readonly recovery: ProcessorRecovery;
  readonly openScope: OpenScope;
  /** What stands around each call of a handler, outside of the definition's own. */
  readonly middleware: readonly HandlerMiddleware[];
  /** Aborted when handlers should stop. */
  readonly signal: AbortSignal;
  /** Epoch of the lease under which is handled; `undefined` where nobody else could. */
  readonly fencingToken?: number | undefined;
  readonly counts: ProcessorCounts;
  /** Everything up to the position is handled. */
  progress(position: bigint): void;
  /** The processor cannot go on. */
  fail(cause: FailureCause): void;
  /** An event was not handled and is over all the same, or waits behind one that is parked. */
  gaveUp(given: GivenUp): void;
  /** The backend is away; tried again until it is back. `undefined`: it is back. */
  readonly outage: (error: Error | undefined) => void;
}

/** How batches become calls of a handler: one implementation for each mode of delivery. */
export interface Dispatcher {
  /** Takes in a batch. Settles when there is room for the next one, or when it is of no use any more. Never rejects. */
  take(batch: ReadBatch): void | Promise<void>;
  /** Starts no handler until {@link release}. */
  hold(): void;
  release(): void;
  /** Settles when no handler is running. */
  idle(): Promise<void>;
  /** Settles when everything taken in is finished, or will not be because the processor failed. */
  drained(): Promise<void>;
  /** Forgets what has not been started, for good; a pending {@link take} settles. */
  discard(): void;
  readonly inFlight: number;
  readonly pending: number;
}
