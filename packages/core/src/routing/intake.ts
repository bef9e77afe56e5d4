import type { EventFilter } from '../log/filter.js';
import type { RecordedEvent } from '../messages/event.js';
import type { Schema } from '../schema/schema.js';
import type { RoutedEvent } from './routed-event.js';

/** What a processor takes of the log, in two sieves: a coarse one that the store can do, and the exact one here. */
export interface Intake {
  /** What the store may leave out. Asked anew at each opening of the subscription, when the schema is complete. */
  filter(schema: Schema): EventFilter | undefined;

  /**
   * What becomes of events, in log order and at their newest versions. Gives back the same array where it takes them all
   * as they are.
   */
  select(events: readonly RecordedEvent[]): readonly RoutedEvent[];

  /**
   * Everything up to the position has gone through {@link select}, or was left out by the store. To be called in the same
   * turn as {@link select}.
   */
  passed(position: bigint): void;

  /**
   * Calls back, at once, when {@link filter} has come to let more through: what a subscription with the old filter still
   * delivers must not be used.
   *
   * @returns ends it
   */
  onWider(listener: () => void): () => void;
}

/** The parts of a processor's definition that say what it takes without any routes. */
export interface TypesAndFilter {
  readonly types?: readonly string[] | undefined;
  readonly filter?: Omit<EventFilter, 'types'> | undefined;
}

/** The intake of a processor that takes types by their names. */
export class TypeIntake implements Intake {
  readonly #definition: TypesAndFilter;
  readonly #types: ReadonlySet<string> | undefined;

  constructor(definition: TypesAndFilter) {
    this.#definition = definition;
    this.#types = definition.types === undefined ? undefined : new Set(definition.types);
  }

  filter(schema: Schema): EventFilter | undefined {
    const { types, filter } = this.#definition;
    return types === undefined ? filter : { ...filter, types: schema.sourceTypes(types) };
  }

  select(events: readonly RecordedEvent[]): readonly RoutedEvent[] {
    const types = this.#types;
    return types === undefined || events.every(({ type }) => types.has(type))
      ? events
      : events.filter(({ type }) => types.has(type));
  }

  passed(): void {
    // Nothing can change here.
  }

  onWider(): () => void {
    return () => undefined;
  }
}
