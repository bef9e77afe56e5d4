import { CheckpointConflictError } from '../backend/checkpoints.js';
import { sleep } from '../clock.js';
import type { TransactionDelivery } from '../model/processor-definition.js';
import { isOutage } from '../recovery/outage.js';
import type { RetryWaits } from '../recovery/retry-schedule.js';
import { toError } from '../recovery/thrown.js';
import type { Checkpointer } from './checkpointer.js';
import type { Dispatcher, DispatcherHost, ReadBatch } from './dispatcher.js';
import { Gate } from './gate.js';
import { HandlerCalls } from './handler-calls.js';

/** The tries that a part of a batch has behind it. */
interface Tries {
  attempt: number;
  /** Those that count against the policy. */
  failures: number;
  readonly waits: RetryWaits;
}

/**
 * A batch at a time, in one transaction with the checkpoint: what the handler wrote and how far it came are stored
 * together or not at all.
 *
 * A batch that fails is tried again event by event, so that those before the culprit are kept and the culprit is named.
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
  /** Positions that a commit was attempted for whose answer was lost. */
  readonly #unanswered = new Set<bigint>();

  constructor(host: DispatcherHost, delivery: TransactionDelivery, checkpointer: Checkpointer) {
    this.#host = host;
    this.#delivery = delivery;
    this.#calls = new HandlerCalls(host);
    this.#checkpointer = checkpointer;
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
    this.#taking = this.#finish(batch, { attempt: 0, failures: 0, waits: this.#host.retry.waits() }).finally(
      () => {
        this.#pending = 0;
        this.#taking = undefined;
        this.#unanswered.clear();
      },
    );
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
  }

  /** Settles when the batch is finished, or will not be. */
  async #finish(batch: ReadBatch, tries: Tries): Promise<void> {
    for (;;) {
      if (!this.#over && !this.#gate.isOpen) await this.#gate.pass();
      if (this.#over || this.#isDone(batch)) return;
      tries.attempt += 1;
      const error = await this.#attempt(batch, tries.attempt);
      if (error === undefined || this.#over || this.#host.signal.aborted) return;
      if (!this.#mayRetry(error, batch, tries)) return;
      await sleep(this.#host.clock, tries.waits.next(), this.#host.signal);
      const parts = isOutage(error) ? [] : partsOf(batch);
      if (parts.length <= 1) continue;
      for (const part of parts) {
        await this.#finish(part, { ...tries, waits: this.#host.retry.waits() });
      }
      return;
    }
  }

  /** True for a part that turned out to be stored by a commit whose answer had been lost. */
  #isDone({ position }: ReadBatch): boolean {
    const { stored } = this.#checkpointer;
    return this.#unanswered.size > 0 && stored !== undefined && stored >= position;
  }

  #mayRetry(error: Error, { events }: ReadBatch, tries: Tries): boolean {
    const isConflict = error instanceof CheckpointConflictError;
    if (isOutage(error)) this.#host.outage(error);
    else tries.failures += 1;
    if (isConflict || tries.failures >= this.#host.retry.attempts) {
      this.#over = true;
      const culprit = !isConflict && isOnePosition(events) ? events[0] : undefined;
      this.#host.fail({ error, event: culprit, attempts: tries.attempt });
      return false;
    }
    this.#host.counts.retried += 1;
    return true;
  }

  async #attempt(batch: ReadBatch, attempt: number): Promise<Error | undefined> {
    const attempting = this.#checkpointer.exclusively(() => this.#commitOrError(batch, attempt));
    this.#attempting = attempting;
    this.#inFlight = 1;
    try {
      return await attempting;
    } finally {
      this.#inFlight = 0;
      this.#attempting = undefined;
    }
  }

  async #commitOrError(batch: ReadBatch, attempt: number): Promise<Error | undefined> {
    try {
      await this.#commit(batch, attempt);
      this.#done(batch.position, batch.events.length);
      return undefined;
    } catch (thrown) {
      const error = toError(thrown);
      return error instanceof CheckpointConflictError ? this.#orOurs(error, batch) : error;
    }
  }

  async #commit({ events, position }: ReadBatch, attempt: number): Promise<void> {
    const { backend, signal } = this.#host;
    const move = this.#checkpointer.moveTo(position);
    let moved = false;
    try {
      await backend.transaction(async (tx) => {
        await this.#calls.transaction(this.#delivery, events, tx, attempt);
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
