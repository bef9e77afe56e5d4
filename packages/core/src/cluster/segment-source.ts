import type { CheckpointStore } from '../backend/checkpoints.js';
import { TidemarkError } from '../error.js';
import { Checkpointer } from '../processing/checkpointer.js';
import { defaultCheckpointIntervalMs } from '../processing/defaults.js';
import { LowWaterMark } from '../processing/low-water-mark.js';
import type { RunnerEnvironment } from '../processing/runner-environment.js';
import type { Source, SourceHost, SourceStep, SourceTrouble, WorkMark } from '../processing/source.js';
import type { HeldLease } from './lease-keeper.js';
import { segmentName, segmentNumber, type Segment } from './segment.js';
import type { SegmentMember, SegmentReader } from './segment-reader.js';

/** The segment is not there any more: it was split or merged before this node took it. */
export class SegmentGoneError extends TidemarkError {
  readonly code = 'segment-gone';

  constructor(processor: string, segment: Segment) {
    super(`Segment ${segmentName(segment)} of "${processor}" was split or merged meanwhile.`);
  }
}

export interface SegmentSourceOptions {
  /** Name that the processor's checkpoints are kept under. */
  readonly processor: string;
  readonly segment: Segment;
  readonly held: HeldLease;
  readonly reader: SegmentReader;
  readonly checkpoints: CheckpointStore;
  readonly environment: RunnerEnvironment;
  /** Another owner has the segment. */
  readonly lost: (error: Error) => void;
}

/** How long a checkpoint may wait that moves only because others had work, in milliseconds. */
const idleMs = 1_000;

/**
 * One segment of a processor, from its checkpoint on. Each move of the checkpoint is fenced by the lease, and nothing is begun that
 * another owner may have begun.
 */
export class SegmentSource implements Source, SegmentMember {
  readonly segment: Segment;
  readonly checkpointer: Checkpointer;
  readonly #options: SegmentSourceOptions;
  readonly #host: SourceHost;
  #work: WorkMark = new LowWaterMark(undefined);
  #position = 0n;
  #after = 0n;
  /** Position of the last step that had work for the segment. */
  #lastWork = 0n;
  #idle: bigint | undefined;
  #cancelIdle: (() => void) | undefined;

  constructor(options: SegmentSourceOptions, host: SourceHost) {
    const { segment, processor, checkpoints, environment, held, lost } = options;
    this.segment = segment;
    this.#options = options;
    this.#host = host;
    this.checkpointer = new Checkpointer({
      store: checkpoints,
      name: processor,
      segment: segmentNumber(segment),
      lease: held.lease,
      clock: environment.clock,
      intervalMs: environment.checkpointIntervalMs ?? defaultCheckpointIntervalMs,
      conflict: lost,
      trouble: (error) =>
        host.trouble(
          'checkpoint',
          error === undefined ? undefined : { what: 'its checkpoint cannot be written', error },
        ),
    });
  }

  get work(): WorkMark {
    return this.#work;
  }

  get position(): bigint {
    return this.#position;
  }

  get after(): bigint {
    return this.#after;
  }

  /** @throws {SegmentGoneError} */
  async open(): Promise<void> {
    const position = await this.checkpointer.load();
    if (position === undefined) throw new SegmentGoneError(this.#options.processor, this.segment);
    this.#position = position;
    this.#after = position;
    this.#work = new LeasedWork(position, this.#options.held);
  }

  follow(): void {
    this.#options.reader.join(this);
  }

  take(step: SourceStep): void | Promise<void> {
    this.#after = step.position;
    if (step.events.length > 0) this.#lastWork = step.position;
    return this.#host.take(step);
  }

  trouble(trouble: SourceTrouble | undefined): void {
    this.#host.trouble('subscription', trouble);
  }

  progress(position: bigint): void {
    const { stored } = this.checkpointer;
    if (stored === undefined || stored < this.#lastWork) return this.checkpointer.note(position);
    // A write for each segment whenever another one has work would cost more than the work.
    this.#idle = position;
    this.#cancelIdle ??= this.#options.environment.clock.after(idleMs, () => this.#noteIdle(), {
      unref: true,
    });
  }

  healthy(): Promise<void> {
    return this.checkpointer.healthy();
  }

  hold(): void {
    // What was delivered waits, and so does the reader.
  }

  release(): void {
    // It never left.
  }

  flush(): Promise<void> {
    this.#noteIdle();
    return this.checkpointer.flush();
  }

  async close(): Promise<void> {
    this.#options.reader.leave(this);
  }

  stopRetrying(): void {
    this.checkpointer.stopRetrying();
  }

  end(): Promise<void> {
    this.#noteIdle();
    return this.checkpointer.close();
  }

  #noteIdle(): void {
    this.#cancelIdle?.();
    this.#cancelIdle = undefined;
    const position = this.#idle;
    this.#idle = undefined;
    const { stored } = this.checkpointer;
    if (position !== undefined && (stored === undefined || position > stored))
      this.checkpointer.note(position);
  }
}

/** The low-water mark of a segment that may be lost at any time. */
class LeasedWork extends LowWaterMark implements WorkMark {
  readonly #held: HeldLease;

  constructor(position: bigint, held: HeldLease) {
    super(position);
    this.#held = held;
  }

  begin(): boolean {
    return this.#held.isSure;
  }
}
