import type { EventFilter } from '../log/filter.js';
import type { RecordedEvent } from '../messages/event.js';
import type { Priority } from '../model/handler-policy.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import { toError } from '../recovery/thrown.js';
import type { Schema } from '../schema/schema.js';
import { derive, isDeriving } from './derive.js';
import { routeFailure, RouteError } from './errors.js';
import type { Intake } from './intake.js';
import { covers, storedPart, uniteFilters, type PushedFilter } from './pushed-filter.js';
import { isPriority, type Route } from './route.js';
import { RouteIndex, type RouteEntry } from './route-index.js';
import type { EventRouting, RoutedEvent } from './routed-event.js';

/** The name that stands for the route in the routing of an event that no route took. */
const unroutedName = '(unrouted)';

/** What a routed processor asks of the table. */
export interface RouteSource {
  /** Those that may send to the processor, in their order. */
  readonly entries: readonly RouteEntry[];
  /** True if the route sends the event to the processor. */
  sendsHere(entry: RouteEntry, event: RecordedEvent): boolean;
  /** True if the processor gets what no route takes, and none takes this. Left out if it does not. */
  isUnrouted?(event: RecordedEvent): boolean;
}

/**
 * The intake of a processor that takes what routes send it. An event comes once: by the first route that matches it, is in
 * force where it stands in the log, and sends it here.
 *
 * Routes are asked in the turn in which a batch comes from the store; later changes of them are not seen by it.
 */
export class RoutedIntake implements Intake {
  readonly #definition: ProcessorDefinition;
  readonly #schema: Schema;
  readonly #wider = new Set<() => void>();
  #source: RouteSource;
  #index: RouteIndex;
  /** What the newest subscription was opened with. */
  #asked: PushedFilter | undefined;
  #reached: bigint | undefined;

  constructor(definition: ProcessorDefinition, schema: Schema, source: RouteSource) {
    this.#definition = definition;
    this.#schema = schema;
    this.#source = source;
    this.#index = new RouteIndex(source.entries);
  }

  /** Everything up to this position has been asked for. */
  get reached(): bigint | undefined {
    return this.#reached;
  }

  /** The routes have changed. */
  change(source: RouteSource): void {
    this.#source = source;
    this.#index = new RouteIndex(source.entries);
    if (this.#asked !== undefined && !covers(this.#asked, this.#pushed())) {
      for (const listener of this.#wider) listener();
    }
  }

  filter(): EventFilter {
    const { filter } = this.#definition;
    this.#asked = this.#pushed();
    const { metadata, ...pushed } = this.#asked;
    return {
      ...pushed,
      ...filter,
      ...(metadata === undefined ? {} : { metadata: { ...metadata, ...filter?.metadata } }),
    };
  }

  passed(position: bigint): void {
    if (this.#reached === undefined || position > this.#reached) this.#reached = position;
  }

  onWider(listener: () => void): () => void {
    this.#wider.add(listener);
    return () => void this.#wider.delete(listener);
  }

  select(events: readonly RecordedEvent[]): readonly RoutedEvent[] {
    const taken: RoutedEvent[] = [];
    let position: bigint | undefined;
    let piece = 0;
    let first = 0;
    for (const event of events) {
      piece = event.position === position ? piece + 1 : 0;
      if (piece === 0) first = taken.length;
      position = event.position;
      this.#take(event, piece, first, taken);
    }
    return taken;
  }

  /** @param first where in `taken` the events of this position begin */
  #take(event: RecordedEvent, piece: number, first: number, taken: RoutedEvent[]): void {
    let name = unroutedName;
    try {
      const route = this.#find(event)?.route;
      if (route === undefined) {
        if (this.#source.isUnrouted?.(event) !== true) return;
        taken.push(routed(event, event.id, name, taken.length - first, false));
        return;
      }
      name = route.name;
      const isDerived = isDeriving(route);
      const priority = priorityOf(route, event);
      for (const made of derive(route, event, piece, this.#schema)) {
        taken.push(routed(made, event.id, name, taken.length - first, isDerived, priority));
      }
    } catch (thrown) {
      const failure = toError(thrown);
      // In a transaction there is no handling of single events that could fail.
      if (this.#definition.delivery.mode === 'transaction') throw failure;
      if (failure instanceof RouteError) name = failure.route;
      taken.push(routed(event, event.id, name, taken.length - first, false, undefined, failure));
    }
  }

  #find(event: RecordedEvent): RouteEntry | undefined {
    return this.#index.find(event, (entry) => this.#source.sendsHere(entry, event));
  }

  #pushed(): PushedFilter {
    if (this.#source.isUnrouted !== undefined) return {};
    const { entries } = this.#source;
    if (entries.length === 0) return { types: [] };
    return storedPart(uniteFilters(entries.map(({ route }) => route.match.pushed)), this.#schema);
  }
}

const priorityOf = (route: Route, event: RecordedEvent): Priority | undefined => {
  const { priority } = route.options;
  if (typeof priority !== 'function') return priority;
  let given: unknown;
  try {
    given = priority(event);
  } catch (thrown) {
    throw routeFailure(route, 'priority', event, thrown);
  }
  if (isPriority(given)) return given;
  throw routeFailure(route, 'priority', event, new RouteError(route.name, 'it must give a priority'));
};

/** Property by property: spreading takes several times as long. */
const routed = (
  event: RecordedEvent,
  sourceId: string,
  route: string,
  part: number,
  isDerived: boolean,
  priority?: Priority,
  failure?: Error,
): RoutedEvent => {
  const routing: EventRouting = { route, part, sourceId, isDerived, priority, failure };
  return {
    id: event.id,
    stream: event.stream,
    version: event.version,
    position: event.position,
    type: event.type,
    schemaVersion: event.schemaVersion,
    data: event.data,
    metadata: event.metadata,
    recordedAt: event.recordedAt,
    routing,
  };
};
