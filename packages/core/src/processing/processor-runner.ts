import { UnsupportedError } from '../log/errors.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import {
  PositionWaiters,
  WaitTimeoutError,
  type PositionWaitOptions,
} from '../observation/position-waiters.js';
import type {
  ProcessorFailure,
  ProcessorGivenUp,
  ProcessorState,
  ProcessorStatus,
} from '../observation/processor-status.js';
import { GiveUpNotices } from '../recovery/give-up-notices.js';
import { Guards } from '../recovery/guards.js';
import { ProcessorRecovery } from '../recovery/processor-recovery.js';
import { toError } from '../recovery/thrown.js';
import { checkDelivery } from './check-delivery.js';
import { defaultWaitMs } from './defaults.js';
import type { GivenUp, ProcessorCounts } from './dispatcher.js';
import { failureReason, givenUpReason, ProcessorFailedError, type FailureCause } from './errors.js';
import { LetterKeeper } from './letter-keeper.js';
import { LetterRetries } from './letter-retries.js';
import { ProcessorRun } from './processor-run.js';
import type { Run, RunParts } from './run.js';
import type { RunnerEnvironment } from './runner-environment.js';

export type { ProcessorStatus } from '../observation/processor-status.js';

/** Where the last call wants the runner to be. Whatever is under way goes there as soon as it can. */
type Wish = 'running' | 'paused' | 'stopped';

/**
 * Runs one processor definition on the log. Its states, and what each call does in them:
 *
 * | state | start, resume | pause | drain | stop |
 * |---|---|---|---|---|
 * | stopped | starting, then running | – | – | – |
 * | starting | – | paused when started | stopped | stopped |
 * | running | – | paused | draining, then stopped | draining, then stopped |
 * | paused | running | – | draining, then stopped | draining, then stopped |
 * | draining | starting when stopped | – | – | cuts the draining short |
 * | failed | starting, then running | – | stopped | stopped |
 *
 * (– : nothing changes.) The last call wins: a `stop` during a start stops, a `start` during a drain starts again when
 * it is over. A failure leads from every state but `stopped` to `failed`, and only a new start leads on from there; it
 * goes on behind the checkpoint, so that the event that failed is tried again first. Each call settles when the state
 * that it leads to is reached, or a later call has gone elsewhere.
 */
export class ProcessorRunner {
  readonly definition: ProcessorDefinition;
  readonly #environment: RunnerEnvironment;
  /** How failures are dealt with. */
  readonly recovery: ProcessorRecovery;
  /** Tries its dead letters again. */
  readonly letterRetries: LetterRetries;
  readonly #keeper: LetterKeeper;
  readonly #notices: GiveUpNotices;
  readonly #waiters = new PositionWaiters();
  readonly #listeners = new Set<(status: ProcessorStatus) => void>();
  readonly #counts: ProcessorCounts = {
    handled: 0,
    retried: 0,
    redelivered: 0,
    parked: 0,
    skipped: 0,
    compensated: 0,
  };
  #givenUp: ProcessorGivenUp | undefined;
  #state: ProcessorState = 'stopped';
  #wish: Wish = 'stopped';
  #failure: ProcessorFailure | undefined;
  #run: Run | undefined;
  #starting: Promise<void> | undefined;
  #ending: Promise<void> | undefined;

  /** @throws {ConfigurationError} a batch size, concurrency, priority or retry policy that makes no sense */
  constructor(definition: ProcessorDefinition, environment: RunnerEnvironment) {
    this.definition = definition;
    this.#environment = environment;
    checkDelivery(definition);
    const { backend, clock, abandonMs, guards = new Guards(clock) } = environment;
    this.#notices = new GiveUpNotices(clock, (message) => this.#warn(message));
    this.recovery = new ProcessorRecovery({
      definition,
      backend,
      clock,
      guards,
      heedMs: abandonMs,
      changed: () => this.#notify(),
    });
    this.letterRetries = new LetterRetries(definition, environment, this.recovery);
    this.#keeper = new LetterKeeper({
      environment,
      recovery: this.recovery,
      retries: this.letterRetries,
      by: `${this.#role} "${definition.name}"`,
      retriesDue: definition.deadLetters?.retry !== undefined,
      warn: (message) => this.#warn(message),
    });
  }

  /** How the processor is doing at this moment: a copy, which does not change afterwards. */
  status(): ProcessorStatus {
    const run = this.#run;
    return {
      name: this.definition.name,
      role: this.#role,
      state: this.#state,
      position: run?.position,
      checkpoint: run?.checkpoint,
      caughtUp: run?.caughtUp ?? false,
      handled: this.#counts.handled,
      retried: this.#counts.retried,
      redelivered: this.#counts.redelivered,
      parked: this.#counts.parked,
      skipped: this.#counts.skipped,
      compensated: this.#counts.compensated,
      lastGivenUp: this.#givenUp,
      ...this.recovery.status,
      inFlight: run?.inFlight ?? 0,
      pending: run?.pending ?? 0,
      segments: run?.segments,
      failure: this.#failure,
      degraded: this.#state === 'stopped' || this.#state === 'failed' ? undefined : run?.degraded,
    };
  }

  /**
   * Starts behind the checkpoint, or resumes. Settles when it runs.
   *
   * @throws whatever kept it from loading its checkpoint; the state is then `failed`
   */
  async start(): Promise<void> {
    this.#wish = 'running';
    if (this.#starting !== undefined) return this.#starting;
    switch (this.#state) {
      case 'running':
      case 'starting':
        return;
      case 'paused':
        this.#become('running');
        this.#run?.release();
        this.#keeper.start();
        return;
      case 'stopped':
      case 'draining':
      case 'failed':
        this.#starting = this.#begin();
        await this.#starting;
    }
  }

  /** The same as {@link start}. */
  resume(): Promise<void> {
    return this.start();
  }

  /**
   * Starts no more handlers. Settles when those running have ended and what they finished is stored.
   * What was delivered and not started is kept in memory. Of no effect on a runner that does not run.
   */
  async pause(): Promise<void> {
    if (this.#wish === 'stopped') return;
    this.#wish = 'paused';
    if (this.#starting !== undefined) return this.#starting;
    if (this.#state === 'running') this.#hold();
    if (this.#state === 'paused') await Promise.all([this.#run?.settle(), this.#keeper.stop()]);
  }

  /**
   * Ends in good order: takes in nothing more, finishes what was delivered, stores how far it came. A paused runner
   * starts nothing again for that. Handlers that take longer than the grace time see their signal aborted, as with
   * {@link stop}. Settles when stopped, or failed at something that was delivered.
   */
  drain(): Promise<void> {
    return this.#end(this.#state === 'running' ? 'drain' : 'now');
  }

  /**
   * Ends now: aborts the signal of running handlers, waits for them a little, and stores how far it came. What they had
   * in hand, and what was delivered and not started, is delivered again at the next start. Settles when stopped.
   */
  stop(): Promise<void> {
    if (this.#ending !== undefined) this.#run?.cutShort();
    return this.#end('now');
  }

  /**
   * How many positions of the log lie behind the head, positions of other events included; 0 when nothing is. Of a persistent
   * subscription it is what the server's checkpoint of the whole group is behind: see {@link GroupInfo}.
   */
  async lag(): Promise<bigint> {
    const { source } = this.definition;
    if (source !== undefined) {
      return (await this.#environment.backend.persistentSubscriptions?.info(source))?.lag ?? 0n;
    }
    const head = await this.#environment.backend.events.head();
    const position =
      this.#run?.position ??
      (await this.#environment.backend.checkpoints.load(this.#checkpointName()))?.position;
    const lag = head - (position ?? 0n);
    return lag > 0n ? lag : 0n;
  }

  /**
   * Waits until everything up to and including the position is handled.
   *
   * @throws {UnsupportedError} its source has no positions
   * @throws {WaitTimeoutError} it was not in time
   * @throws {ProcessorFailedError} it has failed, or fails meanwhile
   * @throws the signal's reason, when it is aborted
   */
  async waitFor(position: bigint, options: PositionWaitOptions = {}): Promise<void> {
    const { timeoutMs = defaultWaitMs, signal } = options;
    if (this.definition.source !== undefined) {
      throw new UnsupportedError(
        `${this.#role} "${this.definition.name}" consumes a persistent subscription, whose events have no position up to which all ` +
          'are handled: wait for what the handler does instead.',
      );
    }
    const reached = this.#run?.position;
    if (reached !== undefined && reached >= position) return;
    if (this.#state === 'failed' && this.#failure !== undefined) throw this.#failedError(this.#failure);
    const timeout = (): Error =>
      new WaitTimeoutError(this.definition.name, position, this.#run?.position, timeoutMs, this.#state);
    this.#run?.expect?.(position);
    await this.#waiters.wait(position, this.#environment.clock, timeoutMs, timeout, signal);
  }

  /**
   * Calls back when the state changes, it catches up for the first time, or has trouble or no longer.
   *
   * @returns ends it
   */
  onChange(listener: (status: ProcessorStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get #role(): string {
    return this.definition.role ?? 'processor';
  }

  async #begin(): Promise<void> {
    for (;;) {
      while (this.#ending !== undefined) await this.#ending;
      if (this.#wish === 'stopped') {
        this.#starting = undefined;
        return;
      }
      this.#failure = undefined;
      const run = this.#newRun();
      this.#run = run;
      this.#become('starting');
      try {
        await run.open();
      } catch (thrown) {
        if (this.#hasLeft('starting')) continue;
        this.#starting = undefined;
        this.#failed({ error: toError(thrown), attempts: 1 });
        throw thrown;
      }
      // Stopped meanwhile, and perhaps started again.
      if (this.#hasLeft('starting')) continue;
      // In the same turn in which the state changes: a later call must not take the start for one under way.
      this.#starting = undefined;
      if (this.#wish === 'paused') this.#hold();
      else this.#become('running');
      // It may begin behind where the run before it ended: the checkpoint is another's, or was moved meanwhile.
      if (run.position !== undefined) this.#waiters.reach(run.position);
      run.follow();
      if (this.#state === 'running') this.#keeper.start();
      return;
    }
  }

  /** Asked anew after each wait, where the compiler believes that nothing has changed. */
  #hasLeft(state: ProcessorState): boolean {
    return this.#state !== state;
  }

  #newRun(): Run {
    const parts: RunParts = {
      definition: this.definition,
      environment: this.#environment,
      recovery: this.recovery,
      counts: this.#counts,
      listener: {
        progressed: (position) => this.#waiters.reach(position),
        changed: () => this.#notify(),
        failed: (cause) => {
          if (run === this.#run) this.#failed(cause);
        },
        gaveUp: (given) => this.#gaveUp(given),
      },
    };
    const run = this.#environment.createRun?.(parts) ?? new ProcessorRun(parts);
    return run;
  }

  #hold(): void {
    this.#become('paused');
    this.#run?.hold();
  }

  async #end(mode: 'drain' | 'now'): Promise<void> {
    this.#wish = 'stopped';
    switch (this.#state) {
      case 'stopped':
        return;
      case 'draining':
        return this.#ending;
      case 'failed':
        return this.#leaveFailed();
      case 'starting':
      case 'running':
      case 'paused':
        this.#become('draining');
        this.#windDown(mode);
        await this.#ending;
    }
  }

  async #leaveFailed(): Promise<void> {
    await this.#ending;
    if (this.#state === 'failed' && this.#wish === 'stopped') this.#become('stopped');
  }

  #windDown(mode: 'drain' | 'settle' | 'now'): void {
    const run = this.#run;
    if (run === undefined || this.#ending !== undefined) return;
    this.#ending = Promise.all([run.end(mode), this.#keeper.stop()])
      .then(() => undefined)
      .finally(() => {
        this.#ending = undefined;
        this.#notices.flush();
        if (this.#state === 'draining') this.#become('stopped');
      });
  }

  #failed(cause: FailureCause): void {
    const reason = failureReason(`${this.#role} "${this.definition.name}"`, cause);
    const failure = { ...cause, reason, at: this.#environment.clock.now() };
    this.#failure = failure;
    this.#wish = 'stopped';
    this.#become('failed');
    this.#warn(reason);
    this.#waiters.fail(this.#failedError(failure));
    this.#windDown('settle');
  }

  #gaveUp(given: GivenUp): void {
    const { action, event, error } = given;
    this.#counts[action === 'park' ? 'parked' : action === 'skip' ? 'skipped' : 'compensated'] += 1;
    this.#givenUp = { action, event, error, at: this.#environment.clock.now() };
    // Those that wait behind another were not tried: that one was told of.
    if (error === undefined) return;
    this.#notices.add(givenUpReason(`${this.#role} "${this.definition.name}"`, given));
    this.#notify();
  }

  #failedError(failure: ProcessorFailure): ProcessorFailedError {
    return new ProcessorFailedError(this.definition.name, failure);
  }

  #become(state: ProcessorState): void {
    this.#state = state;
    this.#notify();
  }

  #notify(): void {
    if (this.#listeners.size === 0) return;
    const status = this.status();
    for (const listener of this.#listeners) {
      try {
        listener(status);
      } catch (thrown) {
        this.#warn(`A listener of ${this.#role} "${this.definition.name}" threw: ${toError(thrown).message}`);
      }
    }
  }

  #warn(message: string): void {
    const { warn } = this.#environment;
    if (warn === undefined) process.emitWarning(message, { code: 'TIDEMARK_PROCESSOR' });
    else warn(message);
  }

  #checkpointName(): string {
    return this.definition.checkpoint?.() ?? this.definition.name;
  }
}
