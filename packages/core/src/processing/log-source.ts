import { CheckpointConflictError } from '../backend/checkpoints.js';
import type { SubscriptionBatch } from '../log/event-store.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import type { Intake } from '../routing/intake.js';
import { Checkpointer } from './checkpointer.js';
import { defaultBatchSize, defaultCheckpointIntervalMs } from './defaults.js';
import { LogFollower } from './log-follower.js';
import { LowWaterMark } from './low-water-mark.js';
import { readBatch } from './read-batch.js';
import type { RunnerEnvironment } from './runner-environment.js';
import type { Source, SourceHost } from './source.js';

/** The log, from a checkpoint on, in its order. What is finished is a position, and stored. */
export class LogSource implements Source {
  readonly checkpointer: Checkpointer;
  readonly #definition: ProcessorDefinition;
  readonly #environment: RunnerEnvironment;
  readonly #intake: Intake;
  readonly #host: SourceHost;
  #work = new LowWaterMark(undefined);
  #position: bigint | undefined;
  #follower: LogFollower | undefined;
  #endIntake: () => void = () => {};

  constructor(
    definition: ProcessorDefinition,
    environment: RunnerEnvironment,
    intake: Intake,
    host: SourceHost,
  ) {
    this.#definition = definition;
    this.#environment = environment;
    this.#intake = intake;
    this.#host = host;
    this.checkpointer = new Checkpointer({
      store: environment.backend.checkpoints,
      name: definition.checkpoint?.() ?? definition.name,
      clock: environment.clock,
      intervalMs: environment.checkpointIntervalMs ?? defaultCheckpointIntervalMs,
      conflict: (error) => host.fail({ error, attempts: 0 }),
      trouble: (error) =>
        host.trouble(
          'checkpoint',
          error === undefined ? undefined : { what: 'its checkpoint cannot be written', error },
        ),
    });
  }

  get work(): LowWaterMark {
    return this.#work;
  }

  get position(): bigint | undefined {
    return this.#position;
  }

  async open(): Promise<void> {
    const { startFrom, batchSize = defaultBatchSize } = this.#definition;
    const { backend, schema, clock } = this.#environment;
    this.#position = await this.checkpointer.load();
    if (this.#position === undefined && startFrom === 'end') await this.#startAtEnd();
    this.#work = new LowWaterMark(this.#position);
    const follower = new LogFollower({
      store: backend.events,
      clock,
      subscribe: () => ({ filter: this.#intake.filter(schema), batchSize }),
      after: this.#position,
      take: (batch) => this.#take(batch),
      trouble: (error, reason) =>
        this.#host.trouble('subscription', reason === '' ? undefined : { what: reason, error }),
    });
    this.#follower = follower;
    this.#endIntake = this.#intake.onWider(() => follower.reopen());
  }

  follow(): void {
    if (this.#definition.startFrom === 'checkpoint' && this.checkpointer.stored === undefined) {
      const move = { processor: this.checkpointer.name, segment: 0, position: 0n, previous: 0n };
      this.#host.fail({ error: new CheckpointConflictError(move), attempts: 0 });
      return;
    }
    void this.#follower?.run();
  }

  progress(position: bigint): void {
    this.checkpointer.note(position);
  }

  healthy(): Promise<void> {
    return this.checkpointer.healthy();
  }

  hold(): void {
    // What was delivered waits, and so does the subscription.
  }

  release(): void {
    // It never left.
  }

  flush(): Promise<void> {
    return this.checkpointer.flush();
  }

  async close(): Promise<void> {
    this.#endIntake();
    await this.#follower?.close();
  }

  stopRetrying(): void {
    this.checkpointer.stopRetrying();
  }

  end(): Promise<void> {
    return this.checkpointer.close();
  }

  /** Stored at once: a crash before the first event must not move the start to a later end. */
  async #startAtEnd(): Promise<void> {
    const { backend } = this.#environment;
    const head = await backend.events.head();
    await backend.checkpoints.move({
      processor: this.checkpointer.name,
      segment: 0,
      position: head,
      previous: undefined,
    });
    this.checkpointer.committed(head);
    this.#position = head;
  }

  #take(batch: SubscriptionBatch): void | Promise<void> {
    // In the turn in which the batch came: routes may change in the next.
    const read = readBatch(this.#environment.schema, this.#intake, batch);
    return this.#host.take({ ...read, caughtUp: batch.caughtUp });
  }
}
