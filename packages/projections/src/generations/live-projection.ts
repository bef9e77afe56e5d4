import {
  type Composition,
  ConfigurationError,
  type ProcessorDefinition,
  type ProcessorRunner,
  type ServiceScope,
  type Transaction,
} from '@tidemark/core';
import type { ProjectionDefinition } from '../definition.js';
import { documentStorage } from '../documents/document-storage.js';
import { deferred } from '../deferred.js';
import type { ModelStorage } from '../storage.js';
import { tableStorage } from '../tables/table-storage.js';
import { Readers } from './readers.js';
import {
  type Generation,
  generationName,
  readSwitchRow,
  type SwitchRow,
  writeSwitchRow,
} from './switch-row.js';
import { beginBuilding, cleaned, type NextRow, planStart, switched } from './transitions.js';

/**
 * One projection in a running application: its generations, and the runner that feeds the live one.
 *
 * The live generation is the active one; or, after a raised version, the one that will replace it. Each generation has
 * its checkpoint in the transactions that write it, and a switch removes that of the old one in the transaction that
 * changes the switch row. So whoever still feeds the old generation is rolled back at its next batch, and no event is
 * missed or taken twice by the new one.
 */
export class LiveProjection {
  readonly definition: ProjectionDefinition;
  readonly runner: ProcessorRunner;
  readonly storage: ModelStorage;
  readonly readers = new Readers();
  readonly #composition: Composition;
  #row: SwitchRow | undefined;
  #live: Generation | undefined;
  #changing: Promise<void> = Promise.resolve();
  #leftovers: unknown;

  constructor(definition: ProjectionDefinition, composition: Composition) {
    this.definition = definition;
    this.#composition = composition;
    this.storage = storageOf(definition, { get: (service) => composition.container.get(service) });
    this.runner = composition.addProcessor({
      ...this.processor(definition.name, () => this.live),
      checkpoint: () => generationName(definition.name, this.live.number),
    });
  }

  /** The generations as they are now. */
  get row(): SwitchRow {
    return this.#row ?? this.#notStarted();
  }

  /** The generation that the application's runner feeds. */
  get live(): Generation {
    return this.#live ?? this.#notStarted();
  }

  /** True while the active generation is of another version, and the live one is built to replace it. */
  get isUpgrading(): boolean {
    return this.live.number !== this.row.active.number;
  }

  /** Why retired generations could not be dropped, if they could not. */
  get leftovers(): unknown {
    return this.#leftovers;
  }

  /** Finds or makes the generations. To be called before the runner starts. */
  async prepare(): Promise<void> {
    const { name, version } = this.definition;
    const { backend } = this.#composition;
    this.#row = await readSwitchRow(backend.documents, name);
    const { next, created, live } = planStart(this.#row, version);
    const isFirst = this.#row === undefined;
    if (next !== undefined) {
      await this.#write(this.#row, next, async (tx) => {
        if (created !== undefined) await this.#create(tx, created);
        if (isFirst) await this.storage.activate(tx, live.number);
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
      (row) => beginBuilding(row, this.definition.version),
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
    await this.#change(
      (row) => switched(row, generation),
      async (tx) => {
        await this.storage.activate(tx, generation.number);
        await tx.checkpoints.reset(generationName(this.definition.name, this.row.active.number));
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
    await Promise.all(retired.map((generation) => this.readers.idle(generation)));
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
      this.#leftovers = error;
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
      batchSize: batchSize ?? definition.batchSize,
      handler: definition.handler,
      delivery: {
        mode: 'transaction',
        handle: (events, tx, { signal }) => {
          const { number } = generation();
          return this.storage.write(tx, number, events, {
            isReplay: number !== this.row.active.number,
            signal,
          });
        },
      },
    };
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
    } finally {
      ended();
    }
  }

  async #write(
    previous: SwitchRow | undefined,
    next: NextRow,
    work: (tx: Transaction) => Promise<void>,
  ): Promise<void> {
    this.#row = await this.#composition.backend.transaction(async (tx) => {
      const row = await writeSwitchRow(tx, this.definition.name, previous, next);
      await work(tx);
      return row;
    });
  }

  #notStarted(): never {
    throw new ConfigurationError(
      `Projection "${this.definition.name}" is not there yet: start the application before its read models are used.`,
    );
  }
}

const storageOf = (definition: ProjectionDefinition, services: ServiceScope): ModelStorage => {
  switch (definition.model) {
    case 'documents':
      return documentStorage(definition, services);
    case 'tables':
      return tableStorage(definition, services);
    default:
      return definition satisfies never;
  }
};
