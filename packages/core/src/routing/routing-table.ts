import { ConfigurationError } from '../error.js';
import type { RecordedEvent } from '../messages/event.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import type { Schema } from '../schema/schema.js';
import { DuplicateNameError } from '../schema/errors.js';
import type { Route } from './route.js';
import { RouteIndex, targetsOf, type RouteEntry } from './route-index.js';
import { RoutedIntake, type RouteSource } from './routed-intake.js';
import { Spans } from './spans.js';

/** A route that is in the table: what switches it. */
export interface LiveRoute extends RouteEntry {
  /** The name that it goes by in the table. */
  readonly name: string;
  /** Switched on by hand. */
  isEnabled: boolean;
  /** What its condition said last. */
  isWanted: boolean;
}

/** Whoever goes along the log and asks the table. */
export interface TableReader {
  /** Up to where it has asked; `undefined` if it has not. */
  readonly reached: bigint | undefined;
  /** Up to where it will never ask again; `undefined` if that is not known. */
  finished(): bigint | undefined;
}

/** What the table needs of the application. */
export interface TableOptions {
  readonly schema: Schema;
  /** Name of the processor that gets what no route takes. Default: none. */
  readonly catchAll?: string | undefined;
  /** A function of a route named a processor that is not routed, or there is not. */
  readonly unknownTarget?: ((route: Route, processor: string) => void) | undefined;
}

/**
 * The routes of an application and the processors that they send to. Changes are made in one turn; each says behind which
 * position of the log it counts, and each processor asks of each event what was in force at its position. So a change cuts
 * the log at one place for all processors, however far each of them is.
 */
export class RoutingTable {
  readonly #options: TableOptions;
  readonly #routes = new Map<string, LiveRoute>();
  readonly #processors = new Map<string, RoutedIntake>();
  readonly #readers = new Set<TableReader>();
  readonly #retire = new Map<string, () => void>();
  /** In their order; with those that were removed, as long as a processor may ask for events from before that. */
  #entries: RouteEntry[] = [];
  #index = new RouteIndex([]);

  constructor(options: TableOptions) {
    this.#options = options;
  }

  /** The routes that are in the table, in their order. */
  get routes(): readonly LiveRoute[] {
    return [...this.#routes.values()];
  }

  /** Up to which position the foremost reader has asked. */
  get reached(): bigint | undefined {
    return largest([...this.#readers].map((reader) => reader.reached));
  }

  /**
   * Takes a reader into account, so that a change does not count where it has asked already.
   *
   * @returns ends it
   */
  admit(reader: TableReader): () => void {
    this.#readers.add(reader);
    return () => void this.#readers.delete(reader);
  }

  /** True if the name is of a processor that takes what routes send it. */
  isRouted(processor: string): boolean {
    return this.#processors.has(processor);
  }

  /** @throws {ConfigurationError} there is no route of that name; it says which there are */
  route(name: string): LiveRoute {
    const route = this.#routes.get(name);
    if (route !== undefined) return route;
    const names = [...this.#routes.keys()].join(', ') || 'none';
    throw new ConfigurationError(`There is no route "${name}". There are: ${names}.`);
  }

  /**
   * Adds a route behind all others.
   *
   * @param after the position behind which it counts; `undefined`: for all that is not taken in yet
   * @param owner name of the processor whose own it is; it comes before those of the application there
   * @throws {DuplicateNameError} there is one of that name
   * @throws {ConfigurationError} it has a `to` and an owner, or neither
   */
  add(route: Route, after: bigint | undefined, owner?: string): LiveRoute {
    const name = owner === undefined ? route.name : `${owner}/${route.name}`;
    this.checkNew(route, name, owner);
    for (const message of route.match.messages) this.#options.schema.learn(message);
    const live: LiveRoute = {
      name,
      route,
      owner,
      spans: new Spans(),
      isEnabled: route.options.enabled ?? true,
      isWanted: route.options.enabledWhen === undefined,
    };
    this.#routes.set(name, live);
    this.#entries.push(live);
    if (isOn(live)) live.spans.open(after);
    this.#changed();
    return live;
  }

  /** What {@link add} throws, without adding. */
  checkNew(route: Route, name = route.name, owner?: string): void {
    const known = this.#routes.get(name);
    if (known !== undefined)
      throw new DuplicateNameError('route', name, [known.route.definedAt, route.definedAt]);
    const where = `Route "${route.name}" (${route.definedAt})`;
    if (owner === undefined && route.options.to === undefined) {
      throw new ConfigurationError(
        `${where} does not say where to: give it "to", with the name of a processor.`,
      );
    }
    if (owner !== undefined && route.options.to !== undefined) {
      throw new ConfigurationError(
        `${where} stands in processor "${owner}" and has a "to": remove it, or list the route in the application.`,
      );
    }
  }

  /** Removes a route: it takes nothing behind the position. */
  remove(live: LiveRoute, after: bigint | undefined): void {
    this.#routes.delete(live.name);
    live.spans.close(after);
    this.#changed();
  }

  /** Notes how a route is to be switched, and that it counts behind the position. */
  switch(
    live: LiveRoute,
    change: Partial<Pick<LiveRoute, 'isEnabled' | 'isWanted'>>,
    after: bigint | undefined,
  ): void {
    const wasEmpty = live.spans.isEmpty;
    Object.assign(live, change);
    if (isOn(live)) live.spans.open(after);
    else live.spans.close(after);
    if (wasEmpty !== live.spans.isEmpty) this.#changed();
  }

  /**
   * The intake of a processor that is routed. Its own routes become part of the table.
   *
   * @param finished up to where it will never ask again
   */
  intakeOf(definition: ProcessorDefinition, finished: () => bigint | undefined): RoutedIntake {
    const { name, routes = [] } = definition;
    const intake = new RoutedIntake(definition, this.#options.schema, this.#sourceFor(name));
    this.#processors.set(name, intake);
    this.#retire.set(
      name,
      this.admit({
        get reached() {
          return intake.reached;
        },
        finished,
      }),
    );
    try {
      for (const route of routes) this.add(route, undefined, name);
    } catch (error) {
      this.forget(name);
      throw error;
    }
    this.#changed();
    return intake;
  }

  /** Forgets a processor, with its own routes. Routes that send to it stay. */
  forget(processor: string): void {
    this.#processors.delete(processor);
    this.#retire.get(processor)?.();
    this.#retire.delete(processor);
    for (const live of this.routes) if (live.owner === processor) this.#routes.delete(live.name);
    this.#entries = this.#entries.filter(({ owner }) => owner !== processor);
    this.#changed();
  }

  /** @throws {ConfigurationError} a route names a processor that is not routed, or there is not */
  checkTargets(routes: readonly Route[] = this.routes.map(({ route }) => route)): void {
    const { catchAll } = this.#options;
    const routed = [...this.#processors.keys()].join(', ') || 'none';
    for (const { name, targets, definedAt } of routes) {
      const missing = targets?.find((target) => !this.isRouted(target));
      if (missing === undefined) continue;
      throw new ConfigurationError(
        `Route "${name}" (${definedAt}) sends to processor "${missing}", which is not registered or not routed: register it, ` +
          `with "routed: true". Routed are: ${routed}.`,
      );
    }
    if (catchAll !== undefined && !this.isRouted(catchAll)) {
      throw new ConfigurationError(
        `"unrouted" names processor "${catchAll}", which is not registered or not routed: register it, with "routed: true". ` +
          `Routed are: ${routed}.`,
      );
    }
  }

  /** True if no route takes the event to any processor that there is. A route that fails takes it: its failure arrives. */
  isUnrouted(event: RecordedEvent): boolean {
    try {
      return this.#index.find(event, (entry) => this.#reachesAny(entry, event)) === undefined;
    } catch {
      return false;
    }
  }

  #reachesAny({ owner, route }: RouteEntry, event: RecordedEvent): boolean {
    if (owner !== undefined) return true;
    return this.#namesOf(route, event).some((name) => this.isRouted(name));
  }

  /** The names that the route sends the event to. Those that it must not name are reported, and left out. */
  #namesOf(route: Route, event: RecordedEvent): readonly string[] {
    const names = targetsOf(route, event) ?? [];
    if (typeof route.options.to !== 'function') return names;
    const { among } = route.options;
    return names.filter((name) => {
      const isAllowed = this.isRouted(name) && (among?.includes(name) ?? true);
      if (!isAllowed) this.#options.unknownTarget?.(route, name);
      return isAllowed;
    });
  }

  #sourceFor(processor: string): RouteSource {
    const isOwn = ({ owner }: RouteEntry): boolean => owner === processor;
    const mayCome = ({ owner, route: { targets } }: RouteEntry): boolean =>
      owner === undefined && (targets?.includes(processor) ?? true);
    const inForce = this.#entries.filter(({ spans }) => !spans.isEmpty);
    return {
      entries: [...inForce.filter(isOwn), ...inForce.filter(mayCome)],
      sendsHere: ({ owner, route }, event) =>
        owner !== undefined ||
        typeof route.options.to !== 'function' ||
        this.#namesOf(route, event).includes(processor),
      ...(processor === this.#options.catchAll ? { isUnrouted: (event) => this.isUnrouted(event) } : {}),
    };
  }

  #changed(): void {
    this.#forgetPast();
    this.#index = new RouteIndex(this.#entries.filter(({ spans }) => !spans.isEmpty));
    for (const [name, intake] of this.#processors) intake.change(this.#sourceFor(name));
  }

  /** What every processor has finished for good, none asks for again. */
  #forgetPast(): void {
    const finished = smallest([...this.#readers].map((reader) => reader.finished()));
    if (finished !== undefined) for (const { spans } of this.#entries) spans.forget(finished);
    const live = new Set<RouteEntry>(this.#routes.values());
    this.#entries = this.#entries.filter((entry) => live.has(entry) || !entry.spans.isEmpty);
  }
}

const isOn = ({ isEnabled, isWanted }: LiveRoute): boolean => isEnabled && isWanted;

const largest = (positions: readonly (bigint | undefined)[]): bigint | undefined =>
  positions.reduce(
    (one, other) => (one === undefined || (other !== undefined && other > one) ? other : one),
    undefined,
  );

/** `undefined` if one of them is, or there is none. */
const smallest = (positions: readonly (bigint | undefined)[]): bigint | undefined =>
  positions.reduce(
    (one, other) => (one === undefined || other === undefined ? undefined : other < one ? other : one),
    positions[0],
  );
