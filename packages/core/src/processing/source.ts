import type { RecordedEvent } from '../messages/event.js';
import type { Checkpointer } from './checkpointer.js';
import type { DispatcherHost } from './dispatcher.js';
import type { FailureCause } from './errors.js';
import type { ReadResult } from './read-batch.js';

/** What a source delivers at once: read, and without what the processor does not want. */
export interface SourceStep extends ReadResult {
  /** True if nothing was left to deliver when this step was made. */
  readonly caughtUp: boolean;
}

/** What a run does for its source. */
export interface SourceHost {
  readonly counts: DispatcherHost['counts'];
  /** Takes in a step. The next is not to be delivered before this settles. Never rejects. */
  take(step: SourceStep): void | Promise<void>;
  /** Something goes wrong that is tried again by itself; with `undefined`, it goes well again. */
  trouble(kind: 'subscription' | 'checkpoint', trouble: SourceTrouble | undefined): void;
  /** The processor cannot go on. */
  fail(cause: FailureCause): void;
}

/** What a source has trouble with, as the beginning of a sentence, and why if that is known. */
export interface SourceTrouble {
  readonly what: string;
  readonly error?: Error | undefined;
}

/** What a source may be told to do with a delivery that could not be handled. */
export type Refusal = 'park' | 'skip' | 'retry';

/**
 * The work that a dispatcher has taken in. It tells piece by piece what becomes of it, and so the source learns what is
 * finished: up to which position, or which deliveries. A {@link LowWaterMark} is one.
 */
export interface WorkMark {
  /** Everything up to and including this position is finished; `undefined` if nothing is, or it does not go by positions. */
  readonly position: bigint | undefined;
  /** How much was admitted above that, for back-pressure. */
  readonly span: number;
  /**
   * Takes in what one event of the log has become.
   *
   * @param pieces how often {@link finish} will be called for it; with 0, everything up to the position was looked at
   * @param event the first of the pieces
   * @returns the ticket to call the others with
   */
  admit(position: bigint, pieces: number, event?: RecordedEvent): number;
  /**
   * A piece is about to be handled. False: it has become somebody else's, and counts as finished without being handled. Left
   * out where that cannot be.
   */
  begin?(ticket: number): boolean;
  /**
   * One piece is finished.
   *
   * @returns true if {@link position} moved
   */
  finish(ticket: number): boolean;
  /** Gives up on what a piece belongs to, and has the source do with it what is said. Left out where the source cannot. */
  refuse?(ticket: number, refusal: Refusal, reason: string): void;
}

/**
 * Where a run takes its events from, and where it tells what is finished. The log with a checkpoint is one; a group of
 * consumers, whose events are acknowledged one by one, another. A run has a source of its own.
 */
export interface Source {
  /** Where what is finished is told. To be used after {@link open}. */
  readonly work: WorkMark;
  /** Where its position is stored, if it is one whose position can be stored in a transaction. */
  readonly checkpointer: Checkpointer | undefined;
  /** Everything up to it was finished before; `undefined` if nothing was, or the source has no order. */
  readonly position: bigint | undefined;

  /** Gets ready. Rejects if that fails. */
  open(): Promise<void>;
  /** Begins to deliver. */
  follow(): void;
  /** Everything up to the position is finished. */
  progress(position: bigint): void;
  /** Settles when it may be gone on with: what is finished can be told. */
  healthy(): Promise<void>;

  /**
   * Nothing is to be started until {@link release}.
   *
   * @param idle settles when no handler is running any more
   */
  hold(idle: Promise<void>): void;
  release(): void;
  /** Tells what is finished, now. */
  flush(): Promise<void>;

  /** Delivers nothing more. Settles when nothing more is under way. */
  close(): Promise<void>;
  /** From now on nothing is tried again. */
  stopRetrying(): void;
  /** After {@link close}: tells what is finished, gives back what is not, and ends. */
  end(): Promise<void>;
}
