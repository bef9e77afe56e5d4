import { defaultAbandonMs } from './defaults.js';
import type { LetterRetries } from './letter-retries.js';
import type { ProcessorRecovery } from '../recovery/processor-recovery.js';
import { describeError, toError } from '../recovery/thrown.js';
import type { RunnerEnvironment } from './runner-environment.js';
import { settledWithin } from './settled-within.js';

/** Milliseconds between two looks at the dead letters. */
const LOOK_MS = 5_000;

export interface LetterKeeperParts {
  readonly environment: RunnerEnvironment;
  readonly recovery: ProcessorRecovery;
  readonly retries: LetterRetries;
  /** Whom the audit names. */
  readonly by: string;
  /** True if due sequences are to be tried. */
  readonly retriesDue: boolean;
  /** Told of what went wrong; it is done again. */
  readonly warn: (message: string) => void;
}

/**
 * Looks after the dead letters of a running processor that has any: learns what others have done with them, goes on with sequences
 * whose first letter was never tried, and tries those that are due, if that is wanted.
 *
 * A first letter that was never tried only waited behind another one. That one is gone, and whoever did away with it looked for a next
 * one too early, or died: so this is what makes a handover between two processes lose nothing.
 */
export class LetterKeeper {
  readonly #parts: LetterKeeperParts;
  #aborting = new AbortController();
  #cancel: (() => void) | undefined;
  #looking: Promise<void> | undefined;

  constructor(parts: LetterKeeperParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#aborting.signal.aborted) this.#aborting = new AbortController();
    this.#cancel?.();
    this.#cancel = this.#parts.environment.clock.after(
      LOOK_MS,
      () => {
        this.#looking = this.#look(this.#aborting.signal).finally(() => {
          this.#looking = undefined;
          if (!this.#aborting.signal.aborted) this.start();
        });
      },
      { unref: true },
    );
  }

  /** Ends what is under way; a handler that ignores its signal is left behind. */
  async stop(): Promise<void> {
    this.#cancel?.();
    this.#aborting.abort(new Error('The processor is stopping.'));
    const { clock, abandonMs = defaultAbandonMs } = this.#parts.environment;
    if (this.#looking !== undefined) await settledWithin(clock, abandonMs, [this.#looking]);
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { recovery, retries, by, retriesDue, warn } = this.#parts;
    const { parking } = recovery;
    if (parking.totals.sequences === 0) return;
    try {
      await parking.load();
      for (const sequence of parking.untried) {
        if (signal.aborted) return;
        await retries.sequence(sequence, {
          by,
          reason: 'what it waited behind is gone',
          onlyUntried: true,
          signal,
        });
      }
      for (let isMore = retriesDue; isMore && !signal.aborted; ) {
        const result = await retries.sequence(undefined, { by, reason: 'it was due', signal });
        isMore = result !== undefined && result.end !== 'away';
      }
      await parking.load();
    } catch (thrown) {
      if (!signal.aborted)
        warn(`${by} could not look after its dead letters: ${describeError(toError(thrown))}`);
    }
  }
}
