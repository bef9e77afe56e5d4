import type { RecordedEvent } from '../messages/event.js';
import { routeFailure, RouteError } from './errors.js';
import { always, type EventTest } from './event-match.js';
import type { Route } from './route.js';
import type { Spans } from './spans.js';

/** A route in the table of an application. */
export interface RouteEntry {
  readonly route: Route;
  /** Name of the processor whose own route it is; `undefined` for one of the application. */
  readonly owner: string | undefined;
  /** Over which stretches of the log it is in force. */
  readonly spans: Spans;
}

/** An entry whose types have the event's among them, with what else must hold. */
interface Candidate {
  readonly entry: RouteEntry;
  readonly test: EventTest;
}

/** Most types whose candidates are kept: names of types that came from outside must not fill the memory. */
const mostTypes = 10_000;

/**
 * Routes in their order, ready to be asked for those that an event may take.
 *
 * Patterns of types are asked once for each type: what they say is kept, so that an event costs one look-up and the tests of
 * those routes that are about its type.
 */
export class RouteIndex {
  readonly #entries: readonly RouteEntry[];
  readonly #byType = new Map<string, readonly Candidate[]>();

  /** @param entries the first is asked first */
  constructor(entries: readonly RouteEntry[]) {
    this.#entries = entries;
  }

  /**
   * The first route that is in force where the event stands, that matches it, and that sends it where it is asked for.
   *
   * @param isWanted told of each that matches; false leads to the next
   * @throws {RouteError} a function of a route that had to be asked threw; the route is in `error.route`
   */
  find(event: RecordedEvent, isWanted: (entry: RouteEntry) => boolean): RouteEntry | undefined {
    for (const { entry, test } of this.#candidates(event.type)) {
      if (!entry.spans.has(event.position)) continue;
      if ((test === always || test(event)) && passes(entry.route, event) && isWanted(entry)) return entry;
    }
    return undefined;
  }

  #candidates(type: string): readonly Candidate[] {
    const known = this.#byType.get(type);
    if (known !== undefined) return known;
    const candidates = this.#entries.flatMap((entry): readonly Candidate[] => {
      const test = entry.route.match.forType(type);
      return test === undefined ? [] : [{ entry, test }];
    });
    if (this.#byType.size >= mostTypes) this.#byType.clear();
    this.#byType.set(type, candidates);
    return candidates;
  }
}

/** Names of the processors that the route sends the event to; `undefined` for a processor's own route. */
export const targetsOf = (route: Route, event: RecordedEvent): readonly string[] | undefined => {
  const { to } = route.options;
  if (typeof to !== 'function') return route.targets;
  let given: unknown;
  try {
    given = to(event);
  } catch (thrown) {
    throw routeFailure(route, 'to', event, thrown);
  }
  const names: unknown = typeof given === 'string' ? [given] : given;
  if (isNames(names)) return names;
  throw routeFailure(route, 'to', event, new RouteError(route.name, 'it must give names of processors'));
};

const isNames = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((name) => typeof name === 'string');

const passes = (route: Route, event: RecordedEvent): boolean => {
  const { when } = route.options;
  if (when === undefined) return true;
  let answer: unknown;
  try {
    answer = when(event);
  } catch (thrown) {
    throw routeFailure(route, 'when', event, thrown);
  }
  if (typeof answer === 'boolean') return answer;
  throw routeFailure(route, 'when', event, new RouteError(route.name, 'it must give true or false'));
};
