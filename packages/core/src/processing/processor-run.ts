import { setImmediate } from 'node:timers/promises';
import { CheckpointConflictError } from '../backend/checkpoints.js';
import type { SubscriptionBatch } from '../log/event-store.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import type { ProcessorDegradation } from '../observation/processor-status.js';
import type { RetrySchedule } from '../recovery/retry-schedule.js';
import { describeError } from '../recovery/thrown.js';
import { TypeIntake, type Intake } from '../routing/intake.js';
import { Checkpointer } from './checkpointer.js';
import {
  defaultAbandonMs,
  defaultBatchSize,
  defaultCheckpointIntervalMs,
  defaultGraceMs,
} from './defaults.js';
import type { Dispatcher, DispatcherHost } from './dispatcher.js';
import { EachDispatcher } from './each-dispatcher.js';
import type { FailureCause } from './errors.js';
import { Gate } from './gate.js';
import { LogFollower } from './log-follower.js';
import type { RunnerEnvironment } from './runner-environment.js';
import { readBatch } from './read-batch.js';
import { settledWithin } from './settled-within.js';
import { TransactionDispatcher } from './transaction-dispatcher.js';

/** Most milliseconds of handling before timers and sockets of the process get a turn. */
const MOST_MS_WITHOUT_A_TURN = 5;

/** What a run tells the runner that it belongs to. */
export interface RunListener {
  progressed(position: bigint): void;
  /** Something that the status shows has changed. */
  changed(): void;
  failed(cause: FailureCause): void;
}

type Trouble = 'subscription' | 'checkpoint' | 'backend';

/** One run of a processor, from its start to its end or failure. A new start is a new run. */
export class ProcessorRun {
  readonly counts: DispatcherHost['counts'];
  readonly #definition: ProcessorDefinition;
  readonly #environment: RunnerEnvironment;
  readonly #listener: RunListener;
  readonly #checkpointer: Checkpointer;
  readonly #aborting = new AbortController();
  readonly #gate = new Gate();
  readonly #host: DispatcherHost;
  readonly #troubles = new Map<Trouble, ProcessorDegradation>();
  #cut: () => void = () => {};
  readonly #cutShort = new Promise<void>((resolve) => (this.#cut = resolve));
  readonly #intake: Intake;
  #endIntake: () => void = () => {};
  #opening: Promise<void> | undefined;
  #dispatcher: Dispatcher | undefined;
  #follower: LogFollower | undefined;
  #position: bigint | undefined;
  /** Position of the last batch, if nothing was left behind it. */
  #end: bigint | undefined;
  #everCaughtUp = false;
  #failed = false;
  #lastTurn = performance.now();

  constructor(
    definition: ProcessorDefinition,
    environment: RunnerEnvironment,
    retry: RetrySchedule,
    counts: DispatcherHost['counts'],
    listener: RunListener,
  ) {
    const { backend, clock } = environment;
    this.#definition = definition;
    this.#environment = environment;
    this.#listener = listener;
    this.counts = counts;
    this.#intake = environment.intake ?? new TypeIntake(definition);
    this.#checkpointer = new Checkpointer({
      store: backend.checkpoints,
      name: definition.checkpoint?.() ?? definition.name,
      clock,
      intervalMs: environment.checkpointIntervalMs ?? defaultCheckpointIntervalMs,
      conflict: (error) => this.#fail({ error, attempts: 0 }),
      trouble: (error) => this.#trouble('checkpoint', 'its checkpoint cannot be written', error),
    });
    this.#host = {
      definition,
      backend,
      clock,
      retry,
      counts,
      checkpointer: this.#checkpointer,
      openScope: environment.services,
      signal: this.#aborting.signal,
      progress: (position) => this.#progress(position),
      fail: (cause) => this.#fail(cause),
      outage: (error) => this.#trouble('backend', 'its handler found the backend away', error),
    };
  }

  get position(): bigint | undefined {
    return this.#position;
  }

  get checkpoint(): bigint | undefined {
    return this.#checkpointer.stored;
  }

  get caughtUp(): boolean {
    return this.#end !== undefined && this.#position !== undefined && this.#position >= this.#end;
  }

  get inFlight(): number {
    return this.#dispatcher?.inFlight ?? 0;
  }

  get pending(): number {
    return this.#dispatcher?.pending ?? 0;
  }

  /** The trouble that it has had for the longest time. */
  get degraded(): ProcessorDegradation | undefined {
    return this.#troubles.values().next().value;
  }

  /** Loads the checkpoint and gets ready. Rejects if that fails. */
  open(): Promise<void> {
    this.#opening = this.#open();
    return this.#opening;
  }

  /** Begins to follow the log, unless it has ended meanwhile. */
  follow(): void {
    if (this.#definition.startFrom === 'checkpoint' && this.#checkpointer.stored === undefined) {
      const move = { processor: this.#checkpointer.name, segment: 0, position: 0n, previous: 0n };
      this.#fail({ error: new CheckpointConflictError(move), attempts: 0 });
      return;
    }
    void this.#follower?.run();
  }

  hold(): void {
    this.#gate.close();
    this.#dispatcher?.hold();
  }

  release(): void {
    this.#gate.open();
    this.#dispatcher?.release();
  }

  /** After {@link hold}: settles when no handler is running and what is finished is stored. */
  async settle(): Promise<void> {
    await this.#dispatcher?.idle();
    await Promise.race([this.#checkpointer.flush(), this.#cutShort]);
  }

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
  async end(mode: 'drain' | 'settle' | 'now'): Promise<void> {
    const { clock, graceMs = defaultGraceMs, abandonMs = defaultAbandonMs } = this.#environment;
    if (mode === 'settle') this.hold();
    await this.#opening?.catch(() => {});
    this.#endIntake();
    const closed = this.#follower?.close();
    this.#gate.remove();
    const dispatcher = this.#dispatcher;
    if (dispatcher !== undefined) {
      if (mode !== 'now') {
        const finished = mode === 'drain' ? dispatcher.drained() : dispatcher.idle();
        await settledWithin(clock, graceMs, [finished, this.#cutShort]);
      }
      this.#aborting.abort(new Error(`${this.#definition.name} is stopping.`));
      this.#checkpointer.stopRetrying();
      dispatcher.hold();
      await settledWithin(clock, abandonMs, [dispatcher.idle()]);
      dispatcher.discard();
    }
    await this.#checkpointer.close();
    await closed;
  }

  /** Ends the waiting of {@link end}. */
  cutShort(): void {
    this.#cut();
  }

  async #open(): Promise<void> {
    const { startFrom, batchSize = defaultBatchSize, delivery } = this.#definition;
    const { backend, schema, clock } = this.#environment;
    this.#position = await this.#checkpointer.load();
    if (this.#position === undefined && startFrom === 'end') await this.#startAtEnd();
    this.#dispatcher =
      delivery.mode === 'each'
        ? new EachDispatcher(this.#host, delivery, this.#position)
        : new TransactionDispatcher(this.#host, delivery);
    const follower = new LogFollower({
      store: backend.events,
      clock,
      subscribe: () => ({ filter: this.#intake.filter(schema), batchSize }),
      after: this.#position,
      take: (batch) => this.#take(batch),
      trouble: (error, reason) => this.#trouble('subscription', reason, error, reason !== ''),
    });
    this.#follower = follower;
    this.#endIntake = this.#intake.onWider(() => follower.reopen());
  }

  /** Stored at once: a crash before the first event must not move the start to a later end. */
  async #startAtEnd(): Promise<void> {
    const { backend } = this.#environment;
    const head = await backend.events.head();
    await backend.checkpoints.move({
      processor: this.#checkpointer.name,
      segment: 0,
      position: head,
      previous: undefined,
    });
    this.#checkpointer.committed(head);
    this.#position = head;
  }

  async #take(batch: SubscriptionBatch): Promise<void> {
    // In the turn in which the batch came: routes may change in the next.
    const read = readBatch(this.#environment.schema, this.#intake, batch);
    if (!this.#gate.isOpen) await this.#gate.pass();
    const dispatcher = this.#dispatcher;
    if (dispatcher === undefined || this.#isEnding()) return;
    this.#end = batch.caughtUp ? batch.position : undefined;
    const room = dispatcher.take(read);
    if (room !== undefined) await room;
    if (read.unreadable !== undefined) {
      await dispatcher.drained();
      if (!this.#isEnding()) this.#fail(read.unreadable);
      return;
    }
    this.#noteCaughtUp();
    if (performance.now() - this.#lastTurn > MOST_MS_WITHOUT_A_TURN) {
      // A store that answers without I/O would otherwise keep timers and sockets waiting through a whole catch-up.
      await setImmediate();
      this.#lastTurn = performance.now();
    }
    await this.#checkpointer.healthy();
  }

  #isEnding(): boolean {
    return this.#failed || this.#aborting.signal.aborted;
  }

  #progress(position: bigint): void {
    if (position === this.#position) return;
    this.#position = position;
    this.#checkpointer.note(position);
    this.#noteCaughtUp();
    this.#listener.progressed(position);
  }

  #noteCaughtUp(): void {
    if (this.#everCaughtUp || !this.caughtUp) return;
    this.#everCaughtUp = true;
    this.#listener.changed();
  }

  #trouble(kind: Trouble, what: string, error: Error | undefined, isTrouble = error !== undefined): void {
    const known = this.#troubles.get(kind);
    if (!isTrouble) {
      if (known === undefined) return;
      this.#troubles.delete(kind);
    } else {
      const reason = `${what}${error === undefined ? '' : ` (${describeError(error)})`}; it is tried again.`;
      this.#troubles.set(kind, { reason, error, since: known?.since ?? this.#environment.clock.now() });
    }
    this.#listener.changed();
  }

  #fail(cause: FailureCause): void {
    if (this.#failed) return;
    this.#failed = true;
    this.hold();
    this.#listener.failed(cause);
  }
}
