import { Container } from 'inversify';
import type { Composition } from '../app/composition.js';
import { Appender } from '../backend/appender.js';
import type { Backend } from '../backend/backend.js';
import { memory } from '../backend/memory/memory.js';
import { manualClock } from '../testing/manual-clock.js';
import { createApp } from '../app/create-app.js';
import type { RecordedEvent } from '../messages/event.js';
import type { TransactionDelivery, ProcessorDefinition } from '../model/processor-definition.js';
import { Schema } from '../schema/schema.js';
import type { CorrelationDefinition } from './definition.js';
import { TimeKeeper } from './time-keeper.js';
import { Correlations } from './correlations.js';

/** An event of a test: what happened, when, and in which order it was recorded. */
export interface Happening {
  readonly type: string;
  readonly key: string;
  readonly time: number;
  readonly n: number;
}

/** The time of events of tests, whose data are happenings. */
export const timeOf = ({ data }: RecordedEvent): number => (data as Happening).time;

/** As they would be read from the log, recorded long after they happened. */
export const recordedOf = (happenings: readonly Happening[]): readonly RecordedEvent[] =>
  happenings.map((happening, index) => ({
    id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    stream: `happenings-${index % 3}`,
    version: Math.floor(index / 3),
    position: BigInt(index + 1),
    type: happening.type,
    schemaVersion: 1,
    data: happening,
    metadata: { correlationId: `c${index}` },
    recordedAt: new Date(1_000_000_000),
  }));

const { commands } = createApp({ backend: memory(), register: [] });
const container = new Container();

/** A correlation without a runner: batches are given by hand, so that where they end can be chosen. */
export class Correlating {
  readonly backend: Backend;
  readonly schema = new Schema();
  readonly #definition: CorrelationDefinition;
  #delivery: TransactionDelivery;

  constructor(definition: CorrelationDefinition, backend: Backend = memory()) {
    this.backend = backend;
    this.#definition = definition;
    this.#delivery = this.#install();
  }

  async open(): Promise<this> {
    await this.backend.open();
    const correlations = new Correlations(this.backend);
    correlations.add(this.#definition);
    await correlations.start();
    return this;
  }

  /** What another process would go on with: only what is stored. */
  restart(): void {
    this.#delivery = this.#install();
  }

  /** One batch. With `failing`, everything is done and then rolled back. */
  async batch(events: readonly RecordedEvent[], failing = false): Promise<void> {
    const signal = new AbortController().signal;
    try {
      await this.backend.transaction(async (tx) => {
        await this.#delivery.handle(events, tx, {
          processor: 'tested',
          attempt: 1,
          signal,
          isReplay: false,
        });
        if (failing) throw new Error('rolled back');
      });
    } catch (error) {
      if (!failing) throw error;
    }
  }

  /** What was derived, in the order of the log. */
  async derived(): Promise<readonly RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for await (const batch of this.backend.events.readAll()) events.push(...batch);
    return events;
  }

  async status() {
    const correlations = new Correlations(this.backend);
    correlations.add(this.#definition);
    return correlations.status(this.#definition.name);
  }

  #install(): TransactionDelivery {
    const { backend, schema } = this;
    const processors: ProcessorDefinition[] = [];
    const services = new Map<unknown, object>();
    const composition: Composition = {
      backend,
      schema,
      appends: new Appender(backend),
      clock: manualClock(),
      commands,
      container,
      register: () => undefined,
      bindHandler: () => undefined,
      addLifecycle: () => undefined,
      service(token, create) {
        const made = services.get(token) ?? create();
        services.set(token, made);
        return made as ReturnType<typeof create>;
      },
      addProcessor(definition) {
        processors.push(definition);
        return undefined as never;
      },
    };
    this.#definition.install(composition);
    const delivery = processors[0]?.delivery;
    if (delivery?.mode !== 'transaction' || !services.has(TimeKeeper)) throw new TypeError('not installed');
    return delivery;
  }
}
