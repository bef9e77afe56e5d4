import { setImmediate as givingWay } from 'node:timers/promises';
import type { Checkpoint } from '../backend/checkpoints.js';
import { TransactionConflictError } from '../backend/transaction.js';
import { sleep, systemClock, type Clock } from '../clock.js';
import type { Subscription, SubscriptionBatch } from '../log/event-store.js';
import { isOutage } from '../recovery/outage.js';
import { RetrySchedule, type RetryWaits } from '../recovery/retry-schedule.js';
import { MigrationError, MigrationVerificationError } from './errors.js';
import type { MigrationOptions } from './migration-options.js';
import { ProgressMeter, type MigrationProgress } from './progress.js';
import { TargetWriter } from './target-writer.js';
import { compileTransform, type Transform } from './transform.js';
import { Verifier, type Verification } from './verification.js';

/** What a migration did. */
export interface MigrationReport {
  readonly name: string;
  /** The place in the source up to which all is in the target. */
  readonly position: bigint;
  /** Events of the source that this run handled. */
  readonly handled: number;
  /** Events that this run wrote to the target. */
  readonly written: number;
  readonly elapsedMs: number;
  /** `undefined` if it was left out. */
  readonly verification: Verification | undefined;
}

/** A migration under way; made by {@link migrate}. */
export class Migration {
  /**
   * Settles when all is copied and verified; with `follow`, not before {@link finish} was called.
   *
   * @throws {MigrationError} something is in its way; run it again once that is mended
   * @throws {MigrationVerificationError} the target is not as it should be
   * @throws {CheckpointConflictError} the same migration runs a second time
   * @throws {StoreUnavailableError} a store was away for longer than the retries last
   * @throws the reason of the signal when that is aborted, and what a store or `onProgress` throws
   */
  readonly done: Promise<MigrationReport>;
  readonly #options: MigrationOptions;
  readonly #clock: Clock;
  readonly #transform: Transform;
  readonly #schedule: RetrySchedule;
  readonly #verifier: Verifier;
  readonly #caughtUp: Promise<void>;
  #settleCaughtUp: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;
  #meter: ProgressMeter | undefined;
  #subscription: Subscription | undefined;
  #until: bigint | undefined;
  #position: bigint | undefined;
  #waits: RetryWaits;
  #tries = 0;
  #verifying: Promise<void> | undefined;

  constructor(options: MigrationOptions) {
    const { name, from, to, filter, batchSize, signal, clock = systemClock, retry } = options;
    this.#options = options;
    this.#clock = clock;
    this.#transform = compileTransform(name, options, from === to.events);
    this.#schedule = new RetrySchedule({ attempts: 10, initialDelayMs: 200, maxDelayMs: 10_000, ...retry });
    this.#waits = this.#schedule.waits();
    this.#verifier = new Verifier({
      migration: name,
      from,
      to: to.events,
      filter,
      transform: this.#transform,
      batchSize,
      signal,
    });
    this.#caughtUp = new Promise((resolve, reject) => {
      this.#settleCaughtUp = { resolve, reject };
    });
    // Whoever waits for it sees the failure; `done` fails by it for all others.
    this.#caughtUp.catch(() => undefined);
    this.done = this.#run();
  }

  /** How far it is; `undefined` before the first look at the stores. */
  progress(): MigrationProgress | undefined {
    return this.#meter?.get();
  }

  /** Settles when it has come to the end of the source for the first time, or has failed before. */
  caughtUp(): Promise<void> {
    return this.#caughtUp;
  }

  /**
   * Ends the following: what is in the source now is copied still, then all is verified. Call it when nobody writes to the
   * source any more. Without `follow`, it is the same as {@link done}.
   */
  async finish(): Promise<MigrationReport> {
    if (this.#options.follow === true && this.#until === undefined) {
      const head = await this.#persistently(() => this.#options.from.head());
      this.#endAt(head);
    }
    return this.done;
  }

  #endAt(position: bigint): void {
    this.#until = position;
    if (this.#meter !== undefined) this.#meter.end = position;
    if (this.#isComplete()) void this.#subscription?.close();
  }

  #isComplete(): boolean {
    return this.#until !== undefined && this.#position !== undefined && this.#position >= this.#until;
  }

  async #run(): Promise<MigrationReport> {
    const began = this.#clock.now().getTime();
    try {
      await this.#persistently(() => this.#copy());
      this.#settleCaughtUp?.resolve();
      const verification = this.#options.verify === false ? undefined : await this.#verify();
      const { handled = 0, written = 0 } = this.progress() ?? {};
      return {
        name: this.#options.name,
        position: this.#position ?? 0n,
        handled,
        written,
        elapsedMs: this.#clock.now().getTime() - began,
        verification,
      };
    } catch (error) {
      this.#settleCaughtUp?.reject(error);
      throw error;
    }
  }

  /** Does work again that an outage has ended, as long as the retries last. */
  async #persistently<Result>(work: () => Promise<Result>): Promise<Result> {
    const { signal } = this.#options;
    for (;;) {
      try {
        signal?.throwIfAborted();
        return await work();
      } catch (error) {
        signal?.throwIfAborted();
        if (!isOutage(error) && !(error instanceof TransactionConflictError)) throw error;
        this.#tries += 1;
        if (this.#tries >= this.#schedule.attempts) throw error;
        await sleep(this.#clock, this.#waits.next(), signal);
      }
    }
  }

  #recovered(): void {
    if (this.#tries === 0) return;
    this.#tries = 0;
    this.#waits = this.#schedule.waits();
  }

  /** Copies from the checkpoint on. Nothing of a run before is relied on but the checkpoint. */
  async #copy(): Promise<void> {
    const { name, from, to, filter, batchSize, signal, follow } = this.#options;
    const { position, isNew } = await this.#begin();
    this.#position = position;
    const head = await from.head();
    if (follow !== true) this.#until ??= smaller(this.#options.until, head);
    else this.#until ??= this.#options.until;
    this.#meter ??= new ProgressMeter(this.#clock, position, this.#until ?? head);
    this.#meter.position = position;
    if (this.#isComplete()) return;

    const writer = new TargetWriter(name, to, isNew);
    const subscription = from.subscribe({ after: position, filter, batchSize, signal });
    this.#subscription = subscription;
    for await (const batch of subscription) {
      await this.#take(batch, writer, this.#meter);
      // Stores within this process answer without ever giving way to timers, and so to whoever would abort it.
      await givingWay();
      this.#recovered();
      if (this.#isComplete()) return;
    }
    signal?.throwIfAborted();
    if (this.#isComplete()) return;
    throw new MigrationError(
      name,
      'the source was closed before all was copied. Run it again: it goes on where it is.',
    );
  }

  async #begin(): Promise<{ readonly position: bigint; readonly isNew: boolean }> {
    const { name, from, to, into } = this.#options;
    const known = await to.checkpoints.load(this.#processor);
    if (known !== undefined) return { position: known.position, isNew: false };
    if (into !== 'existing' && from !== to.events) {
      for await (const [event] of to.events.readAll({ limit: 1 })) {
        throw new MigrationError(
          name,
          `the target is not empty: its first event is in stream "${event?.stream ?? ''}". Migrate into an empty store, or ` +
            'set into: "existing" if the streams that are written to are new.',
        );
      }
    }
    // Noted before anything is written, so that a run which is cut off at once is recognised.
    await to.checkpoints.move(this.#checkpoint(0n, undefined));
    return { position: 0n, isNew: true };
  }

  async #take(batch: SubscriptionBatch, writer: TargetWriter, meter: ProgressMeter): Promise<void> {
    const previous = this.#position ?? 0n;
    const until = this.#until;
    const events =
      until === undefined ? batch.events : batch.events.filter((event) => event.position <= until);
    const position = smaller(until, batch.position);
    if (position > previous) {
      const placed = events.flatMap((event) => this.#transform(event));
      const written = await writer.write(placed, this.#checkpoint(position, previous));
      this.#position = position;
      meter.position = position;
      meter.count(events.length, written);
    }
    if (batch.caughtUp) this.#follow(meter);
    if (until === undefined && position > meter.end) meter.end = position;
    this.#options.onProgress?.(meter.get());
  }

  /** At the head: what was copied is gone through while more is waited for. */
  #follow(meter: ProgressMeter): void {
    this.#settleCaughtUp?.resolve();
    if (this.#options.follow !== true) return;
    meter.phase = 'following';
    if (this.#options.verify === false || this.#verifying !== undefined) return;
    // Should it fail, the verification at the end goes on where it failed.
    this.#verifying = this.#verifier
      .advance(this.#position ?? 0n)
      .catch(() => undefined)
      .finally(() => {
        this.#verifying = undefined;
      });
  }

  async #verify(): Promise<Verification> {
    const meter = this.#meter;
    if (meter !== undefined) {
      meter.phase = 'verifying';
      this.#options.onProgress?.(meter.get());
    }
    await this.#verifying;
    const verification = await this.#persistently(async () => {
      await this.#verifier.advance(this.#position ?? 0n);
      return this.#verifier.compare();
    });
    if (verification.isRight) return verification;
    throw new MigrationVerificationError(
      this.#options.name,
      verification.differences,
      verification.orderDiffers,
    );
  }

  get #processor(): string {
    return `migration:${this.#options.name}`;
  }

  #checkpoint(position: bigint, previous: bigint | undefined): Checkpoint & { previous: bigint | undefined } {
    return { processor: this.#processor, segment: 0, position, previous };
  }
}

const smaller = (a: bigint | undefined, b: bigint): bigint => (a !== undefined && a < b ? a : b);
