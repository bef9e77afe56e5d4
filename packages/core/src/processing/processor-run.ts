import { setImmediate } from 'node:timers/promises';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import type { ProcessorDegradation } from '../observation/processor-status.js';
import { describeError } from '../recovery/thrown.js';
import { TypeIntake } from '../routing/intake.js';
import { createDispatcher } from './create-dispatcher.js';
import { createSource } from './create-source.js';
import { defaultAbandonMs, defaultGraceMs } from './defaults.js';
import type { Dispatcher, DispatcherHost } from './dispatcher.js';
import type { FailureCause } from './errors.js';
import { Gate } from './gate.js';
import type { Run, RunListener, RunParts } from './run.js';
import type { RunnerEnvironment } from './runner-environment.js';
import { settledWithin } from './settled-within.js';
import type { Source, SourceHost, SourceStep, SourceTrouble } from './source.js';

/** Most milliseconds of handling before timers and sockets of the process get a turn. */
const MOST_MS_WITHOUT_A_TURN = 5;

type Trouble = 'subscription' | 'checkpoint' | 'backend';

/** A run over one source: the whole of a processor, or one of its segments. */
export class ProcessorRun implements Run {
  readonly counts: DispatcherHost['counts'];
  readonly #definition: ProcessorDefinition;
  readonly #environment: RunnerEnvironment;
  readonly #listener: RunListener;
  readonly #source: Source;
  readonly #aborting = new AbortController();
  readonly #gate = new Gate();
  readonly #host: DispatcherHost;
  readonly #troubles = new Map<Trouble, ProcessorDegradation>();
  #cut: () => void = () => {};
  readonly #cutShort = new Promise<void>((resolve) => (this.#cut = resolve));
  #opening: Promise<void> | undefined;
  #dispatcher: Dispatcher | undefined;
  #position: bigint | undefined;
  /** Position of the last batch, if nothing was left behind it. */
  #end: bigint | undefined;
  #everCaughtUp = false;
  #failed = false;
  #lastTurn = performance.now();

  constructor({ definition, environment, recovery, counts, listener }: RunParts) {
    const { backend, clock } = environment;
    this.#definition = definition;
    this.#environment = environment;
    this.#listener = listener;
    this.counts = counts;
    const sourceHost: SourceHost = {
      counts,
      take: (step) => this.#take(step),
      trouble: (kind, trouble) => this.#trouble(kind, trouble),
      fail: (cause) => this.#fail(cause),
    };
    this.#source =
      environment.source?.(sourceHost) ??
      createSource(definition, environment, environment.intake ?? new TypeIntake(definition), sourceHost);
    this.#host = {
      definition,
      backend,
      clock,
      recovery,
      counts,
      openScope: environment.services,
      middleware: environment.middleware ?? [],
      signal: this.#aborting.signal,
      fencingToken: environment.fencingToken,
      progress: (position) => this.#progress(position),
      fail: (cause) => this.#fail(cause),
      gaveUp: (given) => listener.gaveUp(given),
      outage: (error) =>
        this.#trouble(
          'backend',
          error === undefined ? undefined : { what: 'its handler found the backend away', error },
        ),
    };
  }

  get position(): bigint | undefined {
    return this.#position;
  }

  get checkpoint(): bigint | undefined {
    return this.#source.checkpointer?.stored;
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

  get degraded(): ProcessorDegradation | undefined {
    return this.#troubles.values().next().value;
  }

  open(): Promise<void> {
    this.#opening = this.#open();
    return this.#opening;
  }

  follow(): void {
    this.#source.follow();
  }

  hold(): void {
    this.#gate.close();
    this.#dispatcher?.hold();
    this.#source.hold(this.#dispatcher?.idle() ?? Promise.resolve());
  }

  release(): void {
    this.#gate.open();
    this.#dispatcher?.release();
    this.#source.release();
  }

  async settle(): Promise<void> {
    await this.#dispatcher?.idle();
    await Promise.race([this.#source.flush(), this.#cutShort]);
  }

  async end(mode: 'drain' | 'settle' | 'now'): Promise<void> {
    const { clock, graceMs = defaultGraceMs, abandonMs = defaultAbandonMs } = this.#environment;
    if (mode === 'settle') this.hold();
    await this.#opening?.catch(() => {});
    const closed = this.#source.close();
    this.#gate.remove();
    const dispatcher = this.#dispatcher;
    if (dispatcher !== undefined) {
      if (mode !== 'now') {
        const finished = mode === 'drain' ? dispatcher.drained() : dispatcher.idle();
        await settledWithin(clock, graceMs, [finished, this.#cutShort]);
      }
      this.#aborting.abort(new Error(`${this.#definition.name} is stopping.`));
      this.#source.stopRetrying();
      dispatcher.hold();
      await settledWithin(clock, abandonMs, [dispatcher.idle()]);
      dispatcher.discard();
    }
    await this.#source.end();
    await closed;
  }

  cutShort(): void {
    this.#cut();
  }

  async #open(): Promise<void> {
    await this.#source.open();
    // What waits behind a dead letter must be known before the first event comes.
    if (this.#definition.delivery.mode !== 'transaction') await this.#host.recovery.parking.load();
    this.#position = this.#source.position;
    this.#dispatcher = createDispatcher(this.#host, this.#source);
  }

  async #take(step: SourceStep): Promise<void> {
    if (!this.#gate.isOpen) await this.#gate.pass();
    const dispatcher = this.#dispatcher;
    if (dispatcher === undefined || this.#isEnding()) return;
    this.#end = step.caughtUp ? step.position : undefined;
    const room = dispatcher.take(step);
    if (room !== undefined) await room;
    if (step.unreadable !== undefined) {
      await dispatcher.drained();
      if (!this.#isEnding()) this.#fail(step.unreadable);
      return;
    }
    this.#noteCaughtUp();
    if (performance.now() - this.#lastTurn > MOST_MS_WITHOUT_A_TURN) {
      // A store that answers without I/O would otherwise keep timers and sockets waiting through a whole catch-up.
      await setImmediate();
      this.#lastTurn = performance.now();
    }
    await this.#source.healthy();
  }

  #isEnding(): boolean {
    return this.#failed || this.#aborting.signal.aborted;
  }

  #progress(position: bigint): void {
    if (position === this.#position) return;
    this.#position = position;
    this.#source.progress(position);
    this.#noteCaughtUp();
    this.#listener.progressed(position);
  }

  #noteCaughtUp(): void {
    if (this.#everCaughtUp || !this.caughtUp) return;
    this.#everCaughtUp = true;
    this.#listener.changed();
  }

  #trouble(kind: Trouble, trouble: SourceTrouble | undefined): void {
    const known = this.#troubles.get(kind);
    if (trouble === undefined) {
      if (known === undefined) return;
      this.#troubles.delete(kind);
    } else {
      const { what, error } = trouble;
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
