import { CheckpointConflictError } from '../backend/checkpoints.js';
import type { Transaction } from '../backend/transaction.js';
import { sleep } from '../clock.js';
import type { TransactionDelivery } from '../model/processor-definition.js';
import { BreakerOpenError, HandlersLeftError } from '../recovery/errors.js';
import { noTries, type Tries } from '../recovery/handler-recovery.js';
import type { WatchedCall } from '../recovery/slow-calls.js';
import { toError } from '../recovery/thrown.js';
import type { Checkpointer } from './checkpointer.js';
import type { Dispatcher, DispatcherHost, ReadBatch } from './dispatcher.js';
import { Gate } from './gate.js';
import { HandlerCalls } from './handler-calls.js';

/** Most milliseconds between two looks at an open circuit breaker. */
const MOST_BREAKER_WAIT_MS = 1_000;

/** A part of a batch on its way. */
interface Part extends ReadBatch {
  attempt: number;
  readonly tries: Tries;
}

/**
 * A batch at a time, in one transaction with the checkpoint: what the handler wrote and how far it came are stored
 * together or not at all.
 *
 * A batch that fails is tried again event by event, so that those before the culprit are kept and the culprit is named. One that is
 * skipped is left out of what the handler gets, and the checkpoint moves over it.
 */
export class TransactionDispatcher implements Dispatcher {
  readonly #host: DispatcherHost;
  readonly #delivery: TransactionDelivery;
  readonly #checkpointer: Checkpointer;
  readonly #calls: HandlerCalls;
  readonly #gate = new Gate();
  #over = false;
  #inFlight = 0;
  #pending = 0;
  #taking: Promise<void> | undefined;
  #attempting: Promise<unknown> | undefined;
  readonly #watched: WatchedCall;
  /** Positions that a commit was attempted for whose answer was lost. */
  readonly #unanswered = new Set<bigint>();

  constructor(host: DispatcherHost, delivery: TransactionDelivery, checkpointer: Checkpointer) {
    this.#host = host;
    this.#delivery = delivery;
    this.#calls = new HandlerCalls(host);
    this.#checkpointer = checkpointer;
    const isRunning = (): boolean => this.#inFlight > 0;
    this.#watched = {
      get isRunning() {
        return isRunning();
      },
      handler: host.definition.name,
      event: undefined,
      looks: 0,
    };
    host.recovery.slow.watch(this.#watched);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get pending(): number {
    return this.#pending;
  }

  take(batch: ReadBatch): void | Promise<void> {
    if (batch.events.length === 0) {
      this.#host.progress(batch.position);
      return;
    }
    this.#pending = batch.events.length;
    this.#taking = this.#finish({ ...batch, attempt: 0, tries: noTries() }).finally(() => {
      this.#pending = 0;
      this.#taking = undefined;
      this.#unanswered.clear();
    });
    return this.#taking;
  }

  hold(): void {
    this.#gate.close();
  }

  release(): void {
    this.#gate.open();
  }

  async idle(): Promise<void> {
    await this.#attempting;
  }

  async drained(): Promise<void> {
    await this.#taking;
  }

  discard(): void {
    this.#over = true;
    this.#gate.remove();
    this.#host.recovery.slow.unwatch(this.#watched);
  }

  /** Settles when the batch is finished, or will not be. */
  async #finish(batch: Part): Promise<void> {
    for (;;) {
      if (!this.#over && !this.#gate.isOpen) await this.#gate.pass();
      if (this.#over || this.#isDone(batch)) return;
      batch.attempt += 1;
      const error = await this.#attempt(batch);
      if (error === undefined || this.#over || this.#host.signal.aborted) return;
      const next = this.#judge(error, batch);
      if (next === 'over') return;
      if (next === 'skip') return this.#skip(batch, error);
      await sleep(this.#host.clock, next.afterMs, this.#host.signal);
      if (!next.inParts) continue;
      for (const { events, position } of partsOf(batch)) {
        const tries = { ...noTries(), failures: new Map(batch.tries.failures) };
        await this.#finish({ events, position, attempt: batch.attempt, tries });
      }
      return;
    }
  }

  /** Moves the checkpoint over what cannot be handled. */
  async #skip(culprit: Part, error: Error): Promise<void> {
    await this.#finish({ events: [], position: culprit.position, attempt: 0, tries: noTries() });
    if (this.#over || this.#host.signal.aborted) return;
    for (const event of culprit.events)
      this.#host.gaveUp({ action: 'skip', event, error, attempts: culprit.attempt });
  }

  /** True for a part that turned out to be stored by a commit whose answer had been lost. */
  #isDone({ position }: ReadBatch): boolean {
    const { stored } = this.#checkpointer;
    return this.#unanswered.size > 0 && stored !== undefined && stored >= position;
  }

  #judge(
    error: Error,
    batch: Part,
  ): 'over' | 'skip' | { readonly afterMs: number; readonly inParts: boolean } {
    const { counts, recovery, outage } = this.#host;
    if (error instanceof BreakerOpenError) {
      batch.attempt -= 1;
      return { afterMs: Math.min(error.waitMs, MOST_BREAKER_WAIT_MS), inParts: false };
    }
    if (error instanceof CheckpointConflictError || error instanceof HandlersLeftError)
      return this.#fail(error, batch);
    const inParts = !isOnePosition(batch.events);
    const [event] = inParts ? [] : batch.events;
    const guard = recovery.of();
    const verdict = guard.recovery.judge(error, event, batch.tries, guard.breaker?.isClosed === false);
    if (verdict.kind === 'outage') outage(error);
    if (verdict.kind === 'give-up' && !inParts) {
      return guard.recovery.onFailure === 'skip' && event !== undefined
        ? 'skip'
        : this.#fail(verdict.error, batch);
    }
    counts.retried += 1;
    // Which of several events is the culprit shows only when each is tried by itself.
    if (verdict.kind === 'give-up') return { afterMs: 0, inParts };
    return { afterMs: verdict.afterMs, inParts: inParts && verdict.kind !== 'outage' };
  }

  #fail(error: Error, { events, attempt }: Part): 'over' {
    this.#over = true;
    const hasCulprit = !(error instanceof CheckpointConflictError) && isOnePosition(events);
    this.#host.fail({ error, event: hasCulprit ? events[0] : undefined, attempts: attempt });
    return 'over';
  }

  async #attempt(batch: Part): Promise<Error | undefined> {
    const attempting = this.#checkpointer.exclusively(() => this.#commitOrError(batch));
    this.#attempting = attempting;
    this.#watched.looks = 0;
    this.#inFlight = 1;
    try {
      return await attempting;
    } finally {
      this.#inFlight = 0;
      this.#attempting = undefined;
      if (this.#watched.looks > 0) this.#host.recovery.slow.ended(this.#watched);
    }
  }

  async #commitOrError(batch: Part): Promise<Error | undefined> {
    try {
      await this.#commit(batch);
      this.#done(batch.position, batch.events.length);
      return undefined;
    } catch (thrown) {
      const error = toError(thrown);
      return error instanceof CheckpointConflictError ? this.#orOurs(error, batch) : error;
    }
  }

  /** Within the transaction, so that it is rolled back, and holds up nobody, when a handler is left behind. */
  async #guarded({ events, attempt }: Part, tx: Transaction): Promise<void> {
    const { recovery, definition, signal } = this.#host;
    const guard = recovery.of();
    const call = (own: AbortSignal): Promise<void> =>
      this.#calls.transaction(this.#delivery, events, tx, attempt, own);
    if (guard.isPlain) await call(signal);
    else await guard.run({ handler: definition.name, event: events[0], signal, call });
  }

  async #commit(batch: Part): Promise<void> {
    const { position } = batch;
    const { backend, signal } = this.#host;
    const move = this.#checkpointer.moveTo(position);
    let moved = false;
    try {
      await backend.transaction(async (tx) => {
        await this.#guarded(batch, tx);
        // A handler told to stop may have returned without having done its work.
        signal.throwIfAborted();
        await tx.checkpoints.move(move);
        moved = true;
      });
    } catch (error) {
      if (moved) this.#unanswered.add(position);
      throw error;
    }
  }

  /** The checkpoint is elsewhere: moved by another owner, or by a commit of our own whose answer was lost. */
  async #orOurs(conflict: CheckpointConflictError, batch: ReadBatch): Promise<Error | undefined> {
    if (this.#unanswered.size === 0) return conflict;
    try {
      const found = await this.#checkpointer.find();
      if (found === undefined || !this.#unanswered.has(found)) return conflict;
      this.#done(found, batch.events.length);
      return undefined;
    } catch (thrown) {
      return toError(thrown);
    }
  }

  #done(position: bigint, events: number): void {
    const { counts } = this.#host;
    this.#checkpointer.committed(position);
    counts.handled += events;
    this.#host.outage(undefined);
    this.#host.progress(position);
  }
}

const isOnePosition = (events: ReadBatch['events']): boolean =>
  events[0]?.position === events.at(-1)?.position;

/** One part for each position; the last reaches as far as the batch. */
const partsOf = ({ events, position }: ReadBatch): readonly ReadBatch[] => {
  const parts: { events: ReadBatch['events'][number][]; position: bigint }[] = [];
  for (const event of events) {
    const last = parts.at(-1);
    if (last?.position === event.position) last.events.push(event);
    else parts.push({ events: [event], position: event.position });
  }
  const last = parts.at(-1);
  if (last !== undefined) last.position = position;
  return parts;
};
