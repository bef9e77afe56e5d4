import type { EventFilter } from '../log/filter.js';
import type { RecordedEvent } from '../messages/event.js';
import type { Schema } from '../schema/schema.js';
import type { RoutedEvent } from './routed-event.js';
import type { TypePattern } from './type-pattern.js';

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
  readonly patterns?: readonly TypePattern[] | undefined;
  readonly filter?: Omit<EventFilter, 'types'> | undefined;
}

/** Most types of which it is kept whether they are wanted: names that came from outside must not fill the memory. */
const mostTypes = 10_000;

/** The intake of a processor that takes types, by their names or by patterns. */
export class TypeIntake implements Intake {
  readonly #definition: TypesAndFilter;
  /** `undefined`: all types are wanted. */
  readonly #isWanted: ((type: string) => boolean) | undefined;

  constructor(definition: TypesAndFilter) {
    this.#definition = definition;
    this.#isWanted = wantedTypes(definition);
  }

  filter(schema: Schema): EventFilter | undefined {
    const { types, patterns, filter } = this.#definition;
    if (types === undefined || patterns !== undefined) return filter;
    return { ...filter, types: schema.sourceTypes(types) };
  }

  select(events: readonly RecordedEvent[]): readonly RoutedEvent[] {
    const isWanted = this.#isWanted;
    return isWanted === undefined || events.every(({ type }) => isWanted(type))
      ? events
      : events.filter(({ type }) => isWanted(type));
  }

  passed(): void {
    // Nothing can change here.
  }

  onWider(): () => void {
    return () => undefined;
  }
}

const wantedTypes = ({ types, patterns }: TypesAndFilter): ((type: string) => boolean) | undefined => {
  if (types === undefined && patterns === undefined) return undefined;
  const names = new Set(types);
  if (patterns === undefined) return (type) => names.has(type);
  const known = new Map<string, boolean>();
  return (type) => {
    const before = known.get(type);
    if (before !== undefined) return before;
    const isWanted = names.has(type) || patterns.some((pattern) => pattern.matches(type));
    if (known.size >= mostTypes) known.clear();
    known.set(type, isWanted);
    return isWanted;
  };
};
