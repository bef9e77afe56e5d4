import type { ProcessorDefinition } from '../model/processor-definition.js';
import type { ProcessorDegradation } from '../observation/processor-status.js';
import type { ProcessorRecovery } from '../recovery/processor-recovery.js';
import type { DispatcherHost, GivenUp } from './dispatcher.js';
import type { FailureCause } from './errors.js';
import type { RunnerEnvironment } from './runner-environment.js';

/** What a run tells the runner that it belongs to. */
export interface RunListener {
  progressed(position: bigint): void;
  /** Something that the status shows has changed. */
  changed(): void;
  failed(cause: FailureCause): void;
  gaveUp(given: GivenUp): void;
}

/** What a run is made from. */
export interface RunParts {
  readonly definition: ProcessorDefinition;
  readonly environment: RunnerEnvironment;
  readonly recovery: ProcessorRecovery;
  readonly counts: DispatcherHost['counts'];
  readonly listener: RunListener;
}

/** One run of a processor, from its start to its end or failure. A new start is a new run. */
export interface Run {
  /** Everything up to it is handled, as far as is known here. */
  readonly position: bigint | undefined;
  /** Everything up to it is stored as handled, as far as is known here. */
  readonly checkpoint: bigint | undefined;
  /** Names of the segments that are handled here, where the processor is divided. */
  readonly segments?: readonly string[] | undefined;
  readonly caughtUp: boolean;
  readonly inFlight: number;
  readonly pending: number;
  /** The trouble that it has had for the longest time. */
  readonly degraded: ProcessorDegradation | undefined;

  /** Gets ready. Rejects if that fails. */
  open(): Promise<void>;
  /** Begins to take in events. */
  follow(): void;
  /** Starts no handler until {@link release}. */
  hold(): void;
  release(): void;
  /** After {@link hold}: settles when no handler is running and what is finished is stored. */
  settle(): Promise<void>;
  /** Somebody waits for the position: where others handle a part of it, they are to be asked how far they are. */
  expect?(position: bigint): void;

  /**
   * Ends the run: takes in nothing more, waits for what the mode says, aborts the signal of handlers that are still
   * running, waits a little for them, stores how far it came.
   *
   * - `drain`: for everything that was taken in
   * - `settle`: for the handlers that are running
   * - `now`: for nothing
   *
   * A handler that ignores its signal is left behind: whatever it still does counts for nothing here.
   */
  end(mode: 'drain' | 'settle' | 'now'): Promise<void>;
  /** Ends the waiting of {@link end}. */
  cutShort(): void;
}
