import {
  CheckpointConflictError,
  type Composition,
  ConfigurationError,
  type ProcessorDefinition,
  type Transaction,
} from '@tidemark/core';
import type { ProjectionDefinition } from '../definition.js';
import { deferred } from '../deferred.js';
import { GenerationConflictError } from '../errors.js';
import type { ModelStorage } from '../storage.js';
import { storageOf } from './storage-of.js';
import { ActiveRow } from './active-row.js';
import { bringIn } from './bring-in.js';
import { Readers } from './readers.js';
import {
  type Generation,
  generationName,
  readSwitchRow,
  type SwitchRow,
  writeSwitchRow,
} from './switch-row.js';
import {
  beginBuilding,
  cleaned,
  isOf,
  type NextRow,
  noGeneration,
  planStart,
  switched,
} from './transitions.js';

/**
 * The generations of one projection, as one process of the application knows and changes them.
 *
 * Each generation that follows the log has its checkpoint in the transactions that write it, and a switch removes that of the
 * old one in the transaction that changes the switch row. So whoever still feeds the old generation is rolled back at its next
 * batch, and no event is missed or taken twice by the new one. An inline generation has no checkpoint: whoever writes it holds
 * the lock on the switch row, shared, and looks at the row under it.
 */
export class Generations {
  readonly definition: ProjectionDefinition;
  readonly storage: ModelStorage;
  readonly #composition: Composition;
  readonly #readers = new Readers();
  readonly #row: ActiveRow;
  #live: Generation | undefined;
  #changing: Promise<void> = Promise.resolve();
  #leftovers: unknown;

  constructor(definition: ProjectionDefinition, composition: Composition) {
    this.definition = definition;
    this.#composition = composition;
    this.storage = storageOf(definition, { get: (service) => composition.container.get(service) });
    const { backend } = composition;
    this.#row = new ActiveRow(
      () => readSwitchRow(backend.documents, definition.name),
      backend.events.capabilities.shared,
    );
  }

  /** The generations as they were when they were last looked at. */
  get row(): SwitchRow {
    return this.#row.known ?? this.#notStarted();
  }

  /** The generation that the application's runner feeds: the active one, or the one that will replace it. */
  get live(): Generation {
    return this.#live ?? this.#notStarted();
  }

  /** True while the active generation is not of this definition, and the live one is built to replace it. */
  get isUpgrading(): boolean {
    return !this.isCurrent && this.row.building?.number === this.live.number;
  }

  /** True while the active generation is of this definition's version and mode. */
  get isCurrent(): boolean {
    return isOf(this.row.active, this.definition);
  }

  /** Why retired generations could not be dropped, if they could not. */
  get leftovers(): unknown {
    return this.#leftovers;
  }

  /** Takes notice of a row that was read elsewhere. */
  note(row: SwitchRow): void {
    this.#row.note(row);
  }

  /** Looks at the row anew. */
  async refresh(): Promise<void> {
    await this.#row.look();
  }

  /** Brings the live generation to what the row says. Nothing may feed it while this is called. */
  follow(): void {
    const { live } = planStart(this.row, this.definition);
    const { active, building } = this.row;
    // One that is not there yet is for a start to make.
    if (live.number === active.number || live.number === building?.number) this.#live = live;
  }

  /**
   * Runs a read on the active generation. It may be one that another process has replaced since, for as long as
   * {@link ActiveRow} says; where that shows by a failure, since it was dropped, the read is done again on the new one.
   */
  async read<Result>(work: (generation: number) => Promise<Result>): Promise<Result> {
    if (this.#live === undefined) this.#notStarted();
    await this.#row.fresh();
    for (;;) {
      const { number } = this.row.active;
      if (number === noGeneration) this.#notStarted();
      try {
        return await this.#readers.read(number, () => work(number));
      } catch (error) {
        if (!this.#row.isShared) throw error;
        await this.refresh();
        if (this.row.active.number === number) throw error;
      }
    }
  }

  /** Finds or makes the generations. To be called before anything feeds them. */
  async prepare(): Promise<void> {
    for (;;) {
      try {
        await this.#prepare();
        return;
      } catch (error) {
        // Another process prepares them in this moment; what it made is found by the next look.
        if (!(error instanceof GenerationConflictError)) throw error;
      }
    }
  }

  async #prepare(): Promise<void> {
    const { backend } = this.#composition;
    await this.refresh();
    const row = this.#row.known;
    const { next, created, live } = planStart(row, this.definition);
    if (next !== undefined) {
      await this.#write(row, next, async (tx) => {
        if (created !== undefined) await this.#create(tx, created);
        if (row === undefined && next.active.number === live.number) {
          await this.storage.activate(tx, live.number);
        }
      });
    }
    if (created === undefined) await backend.transaction((tx) => this.storage.refresh(tx, live.number));
    this.#live = live;
    await this.dropRetired();
  }

  /**
   * Creates a generation to be built beside the active one; one that was being built is given up.
   *
   * @throws {GenerationConflictError} another instance has changed the generations; nothing was done
   */
  async createBuilding(): Promise<Generation> {
    const { building } = await this.#change(
      (row) => beginBuilding(row, this.definition),
      (tx, next) => this.#create(tx, next.building),
    );
    return building;
  }

  /**
   * Makes a generation the active one, in one transaction. Nobody may feed the old one any more when this is called,
   * but those that are to be rolled back.
   *
   * @throws {GenerationConflictError} another instance has changed the generations; nothing was done
   */
  async switchTo(generation: Generation): Promise<void> {
    const old = this.row.active.number;
    await this.#change(
      (row) => switched(row, generation),
      async (tx) => {
        await this.storage.activate(tx, generation.number);
        await tx.checkpoints.reset(generationName(this.definition.name, old));
      },
    );
    this.#live = generation;
  }

  /**
   * Makes a generation the active one that from then on is written inline, in one transaction. It excludes inline appends by the
   * lock on the row; so all events of the application that there are can be seen, and those that the generation lacks are
   * brought into it before the first append that writes to it itself.
   *
   * @throws {GenerationConflictError} another instance has changed the generations; nothing was done
   * @throws {CheckpointConflictError} another instance builds the generation too, and has come further
   */
  async handOver(generation: Generation, signal: AbortSignal): Promise<void> {
    const { name } = this.definition;
    const old = this.row.active.number;
    await this.#change(
      (row) => switched(row, generation),
      async (tx) => {
        const checkpoint = generationName(name, generation.number);
        const position = (await tx.checkpoints.load(checkpoint))?.position;
        // Moved to where it is: that holds off whoever else builds the generation, until the reset lets them go for good.
        await tx.checkpoints.move({
          processor: checkpoint,
          segment: 0,
          position: position ?? 0n,
          previous: position,
        });
        await bringIn(tx, this.#composition.schema, this, generation.number, position ?? 0n, signal);
        await this.storage.activate(tx, generation.number);
        await tx.checkpoints.reset(checkpoint);
        await tx.checkpoints.reset(generationName(name, old));
      },
    );
    this.#live = generation;
  }

  /**
   * Drops what is no longer wanted, once no query reads it. If that fails it is left for the next start, and said so
   * in the health.
   */
  async dropRetired(): Promise<void> {
    const { retired } = this.row;
    if (retired.length === 0) return;
    await Promise.all(retired.map((generation) => this.#readers.idle(generation)));
    try {
      await this.#change(
        (row) => cleaned(row, retired),
        async (tx) => {
          for (const generation of retired) {
            await this.storage.drop(tx, generation);
            await tx.checkpoints.reset(generationName(this.definition.name, generation));
          }
        },
      );
      this.#leftovers = undefined;
    } catch (error) {
      // Somebody else who changed the generations drops what is to be dropped.
      this.#leftovers = error instanceof GenerationConflictError ? undefined : error;
    }
  }

  /** A processor that feeds a generation. */
  processor(name: string, generation: () => Generation, batchSize?: number): ProcessorDefinition {
    const { definition } = this;
    return {
      kind: 'processor',
      role: 'projection',
      name,
      definedAt: definition.definedAt,
      types: definition.types,
      messages: definition.messages,
      retry: definition.retry,
      startFrom: 'checkpoint',
      batchSize: batchSize ?? definition.batchSize,
      handler: definition.handler,
      delivery: {
        mode: 'transaction',
        handle: async (events, tx, { attempt, signal }) => {
          const { number } = generation();
          // It may have failed because another process has dropped the generation: then no try will do.
          if (attempt > 1) await this.#requireCheckpoint(tx, number);
          await this.storage.write(tx, number, events, {
            isReplay: number !== this.row.active.number,
            signal,
          });
        },
      },
    };
  }

  /** @throws {CheckpointConflictError} another process has put an end to the generation */
  async #requireCheckpoint(tx: Transaction, generation: number): Promise<void> {
    const processor = generationName(this.definition.name, generation);
    if ((await tx.checkpoints.load(processor)) !== undefined) return;
    throw new CheckpointConflictError({ processor, segment: 0, position: 0n, previous: 0n });
  }

  /**
   * Makes the place of a generation, with a checkpoint before the first event: from the first moment there is something
   * whose removal fences those who feed it.
   */
  async #create(tx: Transaction, { number }: Generation): Promise<void> {
    await this.storage.create(tx, number);
    await tx.checkpoints.move({
      processor: generationName(this.definition.name, number),
      segment: 0,
      position: 0n,
      previous: undefined,
    });
  }

  /** Changes the switch row, together with other work, in one transaction; one change after another. */
  async #change<Next extends NextRow>(
    plan: (row: SwitchRow) => Next,
    work: (tx: Transaction, next: Next) => Promise<void>,
  ): Promise<Next> {
    const before = this.#changing;
    const { promise, resolve: ended } = deferred();
    this.#changing = promise;
    try {
      await before;
      const next = plan(this.row);
      await this.#write(this.row, next, (tx) => work(tx, next));
      return next;
    } catch (error) {
      if (error instanceof GenerationConflictError) await this.refresh();
      throw error;
    } finally {
      ended();
    }
  }

  async #write(
    previous: SwitchRow | undefined,
    next: NextRow,
    work: (tx: Transaction) => Promise<void>,
  ): Promise<void> {
    const written = await this.#composition.backend.transaction(async (tx) => {
      const row = await writeSwitchRow(tx, this.definition.name, previous, next);
      await work(tx);
      return row;
    });
    this.#row.note(written);
  }

  #notStarted(): never {
    throw new ConfigurationError(
      `Projection "${this.definition.name}" is not there yet: start the application before its read models are used.`,
    );
  }
}
