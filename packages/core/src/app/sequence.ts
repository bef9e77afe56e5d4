import { NotRunningError } from '../commands/errors.js';

/** One part of an application in the order of its start. */
export interface Step {
  /** @param signal aborted when the start is called off, so that what takes long can end */
  start(signal: AbortSignal): Promise<void>;
  /** Also called when its own start failed, so it must bear being called on something half-started. */
  stop(): Promise<void>;
}

export type SequenceState = 'stopped' | 'starting' | 'running' | 'stopping';

/**
 * Starts steps in order and stops them in the reverse order. A start that fails, or is called off by a stop, stops what
 * was started before it reports, so that nothing is ever left half-started.
 */
export class Sequence {
  readonly #steps: () => readonly Step[];
  #state: SequenceState = 'stopped';
  #started: Step[] = [];
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #calledOff = new AbortController();

  /** @param steps gives the steps at each start */
  constructor(steps: () => readonly Step[]) {
    this.#steps = steps;
  }

  get state(): SequenceState {
    return this.#state;
  }

  /**
   * Starts what is not started. While it starts or runs, the same start is answered; after a stop, or while it stops,
   * it starts again.
   *
   * @throws what a step's start throws, and {NotRunningError} when it was stopped meanwhile
   */
  async start(): Promise<void> {
    if (this.#stopping !== undefined) await this.#stopping.catch(() => undefined);
    this.#starting ??= this.#start();
    await this.#starting;
  }

  /**
   * Stops every step, also when one of them fails to. Waits for a start under way to be called off. Idempotent.
   *
   * @throws what a step's stop throws; an AggregateError if several do
   */
  stop(): Promise<void> {
    if (this.#starting === undefined) return this.#stopping ?? Promise.resolve();
    this.#stopping ??= this.#stop(this.#starting).finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  async #start(): Promise<void> {
    this.#state = 'starting';
    const { signal } = (this.#calledOff = new AbortController());
    try {
      for (const step of this.#steps()) {
        this.#started.push(step);
        await step.start(signal);
        signal.throwIfAborted();
      }
      this.#state = 'running';
    } catch (error) {
      const failures = await this.#stopStarted();
      this.#starting = undefined;
      throw failures.length === 0
        ? error
        : joined('The start failed, and so did cleaning up.', [error, ...failures]);
    }
  }

  async #stop(starting: Promise<void>): Promise<void> {
    this.#calledOff.abort(new NotRunningError('The application was stopped while it was starting.'));
    try {
      await starting;
    } catch {
      // The start has cleaned up after itself and told its own caller why.
      return;
    }
    const failures = await this.#stopStarted();
    this.#starting = undefined;
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw joined('Several parts failed to stop.', failures);
  }

  async #stopStarted(): Promise<readonly unknown[]> {
    this.#state = 'stopping';
    const failures: unknown[] = [];
    for (const step of this.#started.splice(0).toReversed()) {
      try {
        await step.stop();
      } catch (error) {
        failures.push(error);
      }
    }
    this.#state = 'stopped';
    return failures;
  }
}

const joined = (message: string, errors: readonly unknown[]): AggregateError =>
  new AggregateError(
    errors,
    `${message} ${errors.map((error) => (error instanceof Error ? error.message : String(error))).join(' ')}`,
    { cause: errors[0] },
  );
