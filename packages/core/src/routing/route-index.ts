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

/** An entry that is about the event's type and agent, with what else must hold. */
interface Candidate {
  readonly entry: RouteEntry;
  readonly test: EventTest;
}

/** Most pairs of a type and an agent whose candidates are kept: names that came from outside must not fill the memory. */
const mostPairs = 10_000;

/**
 * Routes in their order, ready to be asked for those that an event may take.
 *
 * Patterns of types and agents are asked once for each type and agent: what they say is kept, so that an event costs two
 * look-ups and the tests of those routes that are about both.
 */
export class RouteIndex {
  readonly #entries: readonly RouteEntry[];
  /** False: the agent makes no difference to any of them. */
  readonly #asksAgent: boolean;
  readonly #known = new Map<string, Map<unknown, readonly Candidate[]>>();
  #pairs = 0;

  /** @param entries the first is asked first */
  constructor(entries: readonly RouteEntry[]) {
    this.#entries = entries;
    this.#asksAgent = entries.some(({ route }) => route.match.asksAgent);
  }

  /**
   * The first route that is in force where the event stands, that matches it, and that sends it where it is asked for.
   *
   * @param isWanted told of each that matches; false leads to the next
   * @throws {RouteError} a function of a route that had to be asked threw; the route is in `error.route`
   */
  find(event: RecordedEvent, isWanted: (entry: RouteEntry) => boolean): RouteEntry | undefined {
    const agent = this.#asksAgent ? event.metadata.agentId : undefined;
    for (const { entry, test } of this.#candidates(event.type, agent)) {
      if (!entry.spans.has(event.position)) continue;
      if ((test === always || test(event)) && passes(entry.route, event) && isWanted(entry)) return entry;
    }
    return undefined;
  }

  #candidates(type: string, agent: unknown): readonly Candidate[] {
    const known = this.#known.get(type)?.get(agent);
    if (known !== undefined) return known;
    const candidates = this.#entries.flatMap((entry): readonly Candidate[] => {
      const test = entry.route.match.narrow(type, agent);
      return test === undefined ? [] : [{ entry, test }];
    });
    if (this.#pairs >= mostPairs) {
      this.#known.clear();
      this.#pairs = 0;
    }
    this.#pairs += 1;
    const byAgent = this.#known.get(type) ?? new Map<unknown, readonly Candidate[]>();
    this.#known.set(type, byAgent.set(agent, candidates));
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
