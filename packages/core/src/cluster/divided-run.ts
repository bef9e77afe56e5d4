import { CheckpointConflictError, type Checkpoint } from '../backend/checkpoints.js';
import { LeaseLostError } from '../backend/leases.js';
import { sleep } from '../clock.js';
import type { ProcessorDegradation } from '../observation/processor-status.js';
import type { FailureCause } from '../processing/errors.js';
import { ProcessorRun } from '../processing/processor-run.js';
import type { Run, RunParts } from '../processing/run.js';
import { TypeIntake } from '../routing/intake.js';
import type { HeldLease } from './lease-keeper.js';
import { segmentName, segmentNumber, segmentOf, type Segment } from './segment.js';
import { SegmentReader } from './segment-reader.js';
import type { Participant } from './participant.js';
import type { SegmentCoordinator } from './segment-coordinator.js';
import { SegmentSource } from './segment-source.js';

/** How often others are asked how far they are, while somebody waits for it, in milliseconds. */
const askEveryMs = 25;

/** A segment that this node has. */
interface Share {
  readonly held: HeldLease;
  readonly run: ProcessorRun;
}

/**
 * A run of a processor whose keys are divided into segments that several nodes share: here are run those that this node has, each
 * with a checkpoint, a lease and a run of its own, over one reader of the log.
 */
export class DividedRun implements Run, Participant {
  readonly processor: string;
  readonly wanted: number;
  readonly startFrom: 'beginning' | 'end' | 'checkpoint';
  readonly #parts: RunParts;
  readonly #coordinator: SegmentCoordinator;
  readonly #reader: SegmentReader;
  readonly #shares = new Map<number, Share>();
  readonly #ending = new AbortController();
  /** How far the segments of others are, as was last seen. */
  #others: ReadonlyMap<number, bigint> = new Map();
  #isFollowing = false;
  #isHeld = false;
  #expected: bigint | undefined;
  #isAsking = false;

  constructor(parts: RunParts, wanted: number, coordinator: SegmentCoordinator) {
    const { definition, environment } = parts;
    const { delivery } = definition;
    this.processor = definition.checkpoint?.() ?? definition.name;
    this.wanted = wanted;
    this.startFrom = definition.startFrom ?? 'beginning';
    this.#parts = parts;
    this.#coordinator = coordinator;
    const key = 'key' in delivery ? delivery.key : undefined;
    this.#reader = new SegmentReader(
      definition,
      environment,
      environment.intake ?? new TypeIntake(definition),
      (event) => key?.(event) ?? event.stream,
    );
  }

  get held(): ReadonlyMap<number, HeldLease> {
    return new Map([...this.#shares].map(([number, { held }]) => [number, held]));
  }

  get position(): bigint | undefined {
    return this.#least((run) => run.position);
  }

  get checkpoint(): bigint | undefined {
    return this.#least((run) => run.checkpoint);
  }

  get segments(): readonly string[] {
    return [...this.#shares.keys()]
      .toSorted((one, other) => one - other)
      .map((number) => segmentName(segmentOf(number)));
  }

  get caughtUp(): boolean {
    return this.#runs().every((run) => run.caughtUp);
  }

  get inFlight(): number {
    return this.#runs().reduce((sum, run) => sum + run.inFlight, 0);
  }

  get pending(): number {
    return this.#runs().reduce((sum, run) => sum + run.pending, 0);
  }

  get degraded(): ProcessorDegradation | undefined {
    return this.#runs().find((run) => run.degraded !== undefined)?.degraded;
  }

  open(): Promise<void> {
    return this.#coordinator.join(this);
  }

  follow(): void {
    this.#isFollowing = true;
    for (const run of this.#runs()) run.follow();
  }

  hold(): void {
    this.#isHeld = true;
    for (const run of this.#runs()) run.hold();
  }

  release(): void {
    this.#isHeld = false;
    for (const run of this.#runs()) run.release();
  }

  async settle(): Promise<void> {
    await Promise.all(this.#runs().map((run) => run.settle()));
  }

  expect(position: bigint): void {
    if (this.#expected === undefined || position > this.#expected) this.#expected = position;
    if (this.#isAsking) return;
    this.#isAsking = true;
    void this.#ask().finally(() => {
      this.#isAsking = false;
    });
  }

  async end(mode: 'drain' | 'settle' | 'now'): Promise<void> {
    this.#ending.abort();
    await this.#coordinator.leave(this, async () => {
      await Promise.all([...this.#shares.keys()].map((number) => this.#end(number, mode)));
    });
  }

  cutShort(): void {
    for (const run of this.#runs()) run.cutShort();
  }

  /** Called by the coordinator: the segment is this node's. Rejects if it cannot be run. */
  async begin(segment: Segment, held: HeldLease): Promise<void> {
    const number = segmentNumber(segment);
    const { definition, environment, recovery, counts, listener } = this.#parts;
    const run: ProcessorRun = new ProcessorRun({
      definition,
      environment: {
        ...environment,
        fencingToken: held.lease.epoch,
        source: (host) =>
          new SegmentSource(
            {
              processor: this.processor,
              segment,
              held,
              reader: this.#reader,
              checkpoints: this.#coordinator.checkpoints,
              environment,
              lost: () => this.#lose(number, run),
            },
            host,
          ),
      },
      recovery,
      counts,
      listener: {
        progressed: () => this.#progressed(),
        changed: () => listener.changed(),
        failed: (cause) => this.#failed(number, run, cause),
        gaveUp: (given) => listener.gaveUp(given),
      },
    });
    this.#shares.set(number, { held, run });
    held.signal.addEventListener('abort', () => this.#lose(number, run), { once: true });
    try {
      await run.open();
    } catch (error) {
      this.#shares.delete(number);
      throw error;
    }
    // Lost before it was listened for.
    if (held.signal.aborted) this.#lose(number, run);
    // Lost meanwhile: it has ended.
    if (this.#shares.get(number)?.run !== run) return;
    if (this.#isHeld) run.hold();
    if (this.#isFollowing) run.follow();
  }

  /** Called by the coordinator: finishes what was taken in of the segment, and stores how far it came. */
  giveUp(number: number): Promise<void> {
    return this.#end(number, 'drain');
  }

  /** Called by the coordinator: how far all segments are in the store. */
  seen(checkpoints: readonly Checkpoint[]): void {
    this.#others = new Map(
      checkpoints
        .filter(({ segment }) => !this.#shares.has(segment))
        .map(({ segment, position }) => [segment, position]),
    );
    this.#progressed();
  }

  /** Called by the coordinator: what it was to go on behind was removed by another instance. */
  gone(): void {
    const move = { processor: this.processor, segment: 0, position: 0n, previous: 0n };
    this.#parts.listener.failed({ error: new CheckpointConflictError(move), attempts: 0 });
  }

  #runs(): readonly ProcessorRun[] {
    return [...this.#shares.values()].map(({ run }) => run);
  }

  /** The least of all segments, those of others as they were last seen. */
  #least(of: (run: ProcessorRun) => bigint | undefined): bigint | undefined {
    let least: bigint | undefined;
    for (const position of [...this.#runs().map(of), ...this.#others.values()]) {
      if (position === undefined) return undefined;
      if (least === undefined || position < least) least = position;
    }
    return least;
  }

  #progressed(): void {
    const { position } = this;
    if (position !== undefined) this.#parts.listener.progressed(position);
  }

  async #ask(): Promise<void> {
    const { backend, clock } = this.#parts.environment;
    while (!this.#ending.signal.aborted) {
      const { position } = this;
      if (this.#expected === undefined || (position !== undefined && position >= this.#expected)) break;
      try {
        this.seen(await backend.checkpoints.list(this.processor));
      } catch {
        // Whoever waits does so for a limited time; the coordinator says what is wrong.
      }
      await sleep(clock, askEveryMs, this.#ending.signal);
    }
    this.#expected = undefined;
  }

  async #end(number: number, mode: 'drain' | 'settle' | 'now'): Promise<void> {
    const share = this.#shares.get(number);
    if (share === undefined) return;
    await share.run.end(mode);
    if (this.#shares.get(number) === share) this.#shares.delete(number);
    this.#parts.listener.changed();
  }

  /** Another owner has it: what is under way here counts for nothing any more. */
  #lose(number: number, run: ProcessorRun): void {
    const share = this.#shares.get(number);
    if (share?.run !== run) return;
    this.#shares.delete(number);
    void run.end('now').finally(() => this.#coordinator.lost(this, share.held));
    this.#parts.listener.changed();
  }

  #failed(number: number, run: ProcessorRun, cause: FailureCause): void {
    const { error } = cause;
    if (error instanceof LeaseLostError || error instanceof CheckpointConflictError) this.#lose(number, run);
    else if (this.#shares.get(number)?.run === run) this.#parts.listener.failed(cause);
  }
}
