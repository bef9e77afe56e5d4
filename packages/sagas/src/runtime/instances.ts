import {
  type Appends,
  ConcurrencyError,
  type EventStore,
  type Metadata,
  type NewEvent,
} from '@tidemark/core';
import { eventType, instanceStream, sagaEventOf, type SagaEvent } from '../model/events.js';
import { emptyInstance, evolve, type SagaInstance } from '../model/instance.js';
import type { SagaBehaviour } from '../model/saga-definition.js';
import { transition, type SagaInput } from '../model/transition.js';
import { Lines } from './lines.js';
import { obsoleteRows } from './timer-rows.js';

/** Where an input comes from. */
export interface InputSource {
  /** UUID of the input. */
  readonly id: string;
  readonly at: Date;
  /** Metadata that flows from it. */
  readonly metadata: Metadata;
}

/** What became of an input. */
export interface Taken {
  /** What was appended; empty if the input was nothing to the instance. */
  readonly events: readonly SagaEvent[];
  /** Timer rows that are pointless now. */
  readonly obsoleteTimers: readonly string[];
}

const nothing: Taken = { events: [], obsoleteTimers: [] };

/** Most times that an input is decided anew because others wrote to the instance. */
const conflictLimit = 10;

/**
 * The instances of all sagas: loads them from their streams, keeps the latest used ones, and appends what their
 * transitions decide. An instance in memory may be stale; every append expects the exact version, so then it conflicts,
 * and is decided anew on the instance as it is.
 */
export class Instances {
  readonly #store: EventStore;
  readonly #appends: Appends;
  readonly #cacheSize: number;
  /** By stream, least recently used first. Only instances that are exactly what their streams say up to a version. */
  readonly #cache = new Map<string, SagaInstance>();
  readonly #lines = new Lines();

  /**
   * @param cacheSize most instances kept in memory. Default: 10,000
   * @param appends where what they decide is appended. Default: the store
   */
  constructor(store: EventStore, cacheSize = 10_000, appends: Appends = store) {
    this.#store = store;
    this.#appends = appends;
    this.#cacheSize = cacheSize;
  }

  /**
   * Gives an input to an instance, once: decides, and appends all that was decided in one go.
   *
   * @throws {SagaHandlerError} a handler threw; nothing was appended
   * @throws {ConcurrencyError} others kept writing to the instance
   */
  async take(behaviour: SagaBehaviour, key: string, input: SagaInput, source: InputSource): Promise<Taken> {
    const stream = instanceStream(behaviour.name, key);
    return this.#lines.run(stream, async () => {
      for (let conflicts = 0; ; conflicts++) {
        const cached = this.#withdraw(stream);
        const instance = cached ?? (await this.#load(behaviour.name, key, stream));
        if (instance.inputs.has(source.id)) {
          this.#keep(instance);
          return nothing;
        }
        const before = instance.version;
        const metadata = this.#metadata(instance, source.metadata);
        const events = transition(behaviour, instance, input, { id: source.id, at: source.at, metadata });
        if (events.length === 0) {
          // "Nothing to do" is only believed of the newest state.
          if (cached !== undefined && (await this.#catchUp(instance)) > 0) {
            this.#keep(instance);
            continue;
          }
          this.#keep(instance);
          return nothing;
        }
        const alone = await this.#append(instance, before, events, metadata);
        if (!alone) {
          if (conflicts >= conflictLimit) {
            throw new ConcurrencyError(stream, before, await this.#store.streamVersion(stream));
          }
          continue;
        }
        this.#keep(instance);
        return { events, obsoleteTimers: obsoleteRows(instance, events) };
      }
    });
  }

  /**
   * Looks at an instance without keeping hold of it.
   *
   * @param atLeast a version that it is known to have reached
   */
  async look<Result>(
    behaviour: SagaBehaviour,
    key: string,
    atLeast: number,
    view: (instance: SagaInstance) => Result,
  ): Promise<Result> {
    const stream = instanceStream(behaviour.name, key);
    return this.#lines.run(stream, async () => {
      const instance = this.#withdraw(stream) ?? emptyInstance(behaviour.name, key, stream);
      if (instance.version < atLeast) await this.#catchUp(instance);
      this.#keep(instance);
      return view(instance);
    });
  }

  /** @returns false if others wrote to the instance meanwhile: what was decided here must be forgotten */
  async #append(
    instance: SagaInstance,
    expectedVersion: number,
    events: readonly SagaEvent[],
    metadata: Metadata,
  ): Promise<boolean> {
    try {
      const appended = newEvents(instance.saga, events, metadata);
      const { alreadyAppended } = await this.#appends.append(instance.stream, appended, { expectedVersion });
      // The same input gave the same ids to another process, or to this one before an answer was lost. What that one
      // decided is what counts; it may differ.
      return !alreadyAppended;
    } catch (error) {
      if (error instanceof ConcurrencyError) return false;
      throw error;
    }
  }

  async #load(saga: string, key: string, stream: string): Promise<SagaInstance> {
    const instance = emptyInstance(saga, key, stream);
    await this.#catchUp(instance);
    return instance;
  }

  /** Folds what came since into the instance. @returns how many events that were */
  async #catchUp(instance: SagaInstance): Promise<number> {
    const before = instance.version;
    for await (const batch of this.#store.readStream(instance.stream, { from: before + 1 })) {
      for (const recorded of batch) {
        const event = sagaEventOf(instance.saga, recorded);
        if (event === undefined) {
          throw new Error(
            `Stream "${instance.stream}" holds "${recorded.type}" at version ${recorded.version}, which no saga wrote.`,
          );
        }
        evolve(instance, event, recorded.metadata);
      }
    }
    return instance.version - before;
  }

  #metadata(instance: SagaInstance, source: Metadata): Metadata {
    return {
      ...source,
      correlationId: instance.metadata.correlationId ?? source.correlationId,
      sagaId: instance.stream,
      sagaStep: undefined,
      sagaAttempt: undefined,
    };
  }

  /** Takes an instance out of the cache: while it is being evolved, nobody else may see it. */
  #withdraw(stream: string): SagaInstance | undefined {
    const instance = this.#cache.get(stream);
    this.#cache.delete(stream);
    return instance;
  }

  #keep(instance: SagaInstance): void {
    if (instance.version < 0) return;
    this.#cache.set(instance.stream, instance);
    if (this.#cache.size <= this.#cacheSize) return;
    for (const oldest of this.#cache.keys()) {
      this.#cache.delete(oldest);
      return;
    }
  }
}

const newEvents = (saga: string, events: readonly SagaEvent[], metadata: Metadata): readonly NewEvent[] =>
  events.map(({ id, kind, data }) => ({ id, type: eventType(saga, kind), data, metadata }));
