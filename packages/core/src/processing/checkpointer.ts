import {
  CheckpointConflictError,
  type CheckpointMove,
  type CheckpointStore,
} from '../backend/checkpoints.js';
import { LeaseLostError, type Lease } from '../backend/leases.js';
import { sleep, type Clock } from '../clock.js';
import { RetrySchedule } from '../recovery/retry-schedule.js';
import { toError } from '../recovery/thrown.js';
import { Gate } from './gate.js';

export interface CheckpointerOptions {
  readonly store: CheckpointStore;
  /** Name that the checkpoint is kept under. */
  readonly name: string;
  /** Which segment of the processor it is of. Default: 0, all of it. */
  readonly segment?: number | undefined;
  /** What fences each move. Default: none. */
  readonly lease?: Lease | undefined;
  readonly clock: Clock;
  /** Least milliseconds between two writes. */
  readonly intervalMs: number;
  /** Another owner moved the checkpoint, or has the lease. */
  conflict(error: CheckpointConflictError | LeaseLostError): void;
  /** It cannot be written, which is tried again; `undefined` when it could be written again. */
  trouble(error: Error | undefined): void;
}

/**
 * Writes how far a processor has come: one write at a time, at most one an interval, always the newest position, each
 * by compare-and-set on the one before.
 *
 * The first position after a rest is written at once. While writing fails, it is tried again with backoff, and
 * {@link healthy} holds up whoever would go on without a checkpoint.
 */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #closing = new AbortController();
  readonly #healthy = new Gate();
  #stored: bigint | undefined;
  #wanted: bigint | undefined;
  #writing: Promise<void> | undefined;
  #cancelRest: (() => void) | undefined;
  #isExclusive = false;
  #lost = false;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
  }

  /** Name that the checkpoint is kept under. */
  get name(): string {
    return this.#options.name;
  }

  /** The checkpoint as stored. */
  get stored(): bigint | undefined {
    return this.#stored;
  }

  /** Loads the checkpoint; writing goes on from there. */
  async load(): Promise<bigint | undefined> {
    this.#stored = await this.find();
    return this.#stored;
  }

  /** Where the checkpoint stands in the store, which may be elsewhere than {@link stored} if another owner moved it. */
  async find(): Promise<bigint | undefined> {
    const { store, name, segment } = this.#options;
    return (await store.load(name, segment))?.position;
  }

  /** A move from where the checkpoint stands, for whoever stores it in a transaction. */
  moveTo(position: bigint): CheckpointMove {
    const { name, segment = 0, lease } = this.#options;
    return { processor: name, segment, position, previous: this.#stored, lease };
  }

  /** Notes that everything up to the position is finished. It is written soon. */
  note(position: bigint): void {
    this.#wanted = position;
    if (this.#cancelRest === undefined) this.#write();
  }

  /** The position was stored by a transaction, which took {@link stored} as what was there before. */
  committed(position: bigint): void {
    this.#stored = position;
    this.#wanted = undefined;
  }

  /**
   * Does work that may store a position itself (see {@link committed}): nothing is written while it goes on, so that the
   * two cannot take each other for another owner.
   */
  async exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#isExclusive = true;
    try {
      await this.#settle();
      return await work();
    } finally {
      this.#isExclusive = false;
      this.#write();
    }
  }

  /** Settles while the last write succeeded. */
  healthy(): Promise<void> {
    return this.#healthy.pass();
  }

  /** Writes what was noted, now. A failure is reported as trouble and tried no more: the work is only done again. */
  async flush(): Promise<void> {
    await this.#settle();
    this.#write();
    await this.#settle();
  }

  /** From now on a write that fails is not tried again. */
  stopRetrying(): void {
    this.#closing.abort();
  }

  /** Writes what was noted, once, and ends. */
  async close(): Promise<void> {
    this.stopRetrying();
    await this.flush();
    this.#cancelRest?.();
    this.#healthy.remove();
  }

  async #settle(): Promise<void> {
    this.#cancelRest?.();
    this.#cancelRest = undefined;
    await this.#writing;
  }

  #isBehind(): boolean {
    return !this.#lost && this.#wanted !== undefined && this.#wanted !== this.#stored;
  }

  #write(): void {
    if (this.#isExclusive || this.#writing !== undefined || !this.#isBehind()) return;
    this.#writing = this.#writeUntilDone().finally(() => {
      this.#writing = undefined;
      if (!this.#closing.signal.aborted) this.#rest();
    });
  }

  #rest(): void {
    this.#cancelRest = this.#options.clock.after(this.#options.intervalMs, () => {
      this.#cancelRest = undefined;
      this.#write();
    });
  }

  async #writeUntilDone(): Promise<void> {
    const waits = new RetrySchedule().waits();
    const attempted = new Set<bigint>();
    for (;;) {
      const position = this.#wanted;
      if (position === undefined || this.#lost) return;
      try {
        await this.#move(position, attempted);
        this.#healthy.open();
        if (attempted.size > 0) this.#options.trouble(undefined);
        return;
      } catch (thrown) {
        if (thrown instanceof CheckpointConflictError || thrown instanceof LeaseLostError) {
          this.#lost = true;
          this.#healthy.open();
          this.#options.conflict(thrown);
          return;
        }
        attempted.add(position);
        this.#options.trouble(toError(thrown));
        this.#healthy.close();
        if (this.#closing.signal.aborted) return;
        await sleep(this.#options.clock, waits.next(), this.#closing.signal);
      }
    }
  }

  /** @param attempted positions whose writing failed before, perhaps only in the answer */
  async #move(position: bigint, attempted: ReadonlySet<bigint>): Promise<void> {
    try {
      await this.#options.store.move(this.moveTo(position));
    } catch (error) {
      if (!(error instanceof CheckpointConflictError) || attempted.size === 0) throw error;
      const found = await this.find();
      if (found === undefined || !attempted.has(found)) throw error;
      // It was our own write: it had been made, and only its answer was lost.
      this.#stored = found;
      if (found !== position) return this.#move(position, new Set());
    }
    this.#stored = position;
  }
}
