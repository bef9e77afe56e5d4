import { ConfigurationError } from '../error.js';
import type { RecordedEvent } from '../messages/event.js';
import type { Metadata } from '../messages/metadata.js';
import { checkName } from '../model/check-name.js';
import { definedAt } from '../model/defined-at.js';
import { priorities, type Priority } from '../model/handler-policy.js';
import { compileMatch, type CompiledMatch, type Match } from './event-match.js';

/** What a route makes of an event: what is left out stays as it is. */
export interface DerivedEvent {
  readonly type?: string | undefined;
  readonly data?: unknown;
  /** In place of the event's. To add to it, spread it. */
  readonly metadata?: Metadata | undefined;
}

/** What a route says of an event. Its functions get the event at its newest version. */
export interface RouteOptions<Data = unknown> {
  /** Unique in the application; of a processor's own routes, in the processor. 1 to 200 characters. */
  readonly name: string;
  /** Which events it takes: by type, stream, agent, metadata and data. Default: all. */
  readonly match?: Match<Data> | undefined;
  /** A further condition, in code. Must give the same for the same event each time. */
  readonly when?: ((event: RecordedEvent<string, Data>) => boolean) | undefined;
  /** Values that are added to the data, in place of those of the same name. Must give the same for the same event each time. */
  readonly enrich?: ((event: RecordedEvent<string, Data>) => object) | undefined;
  /**
   * Makes another event of it: an instance of a class with `@Event`, or what is to be different. `undefined` leaves it out.
   * Must give the same for the same event each time.
   */
  readonly map?: ((event: RecordedEvent<string, Data>) => object | undefined) | undefined;
  /**
   * Makes several events of it, each as `map` would; an empty list leaves it out. The checkpoint passes the one in the log
   * when all of them are finished. Must give the same for the same event each time.
   */
  readonly split?: ((event: RecordedEvent<string, Data>) => readonly object[]) | undefined;
  /**
   * Names of the processors that it sends the events to, or a function that gives them for each event. They must be
   * registered with `routed: true` or routes of their own. Left out for a processor's own routes.
   */
  readonly to?:
    | string
    | readonly string[]
    | ((event: RecordedEvent<string, Data>) => string | readonly string[])
    | undefined;
  /** Which names a function in `to` may give. Default: all processors that are routed; naming them saves the others the asking. */
  readonly among?: readonly string[] | undefined;
  /**
   * How urgent what it sends is, once and for all or for each event as it was before `enrich`, `map` and `split`. Counts before
   * what the handler says. Default: as the handler says.
   */
  readonly priority?: Priority | ((event: RecordedEvent<string, Data>) => Priority) | undefined;
  /** False: it is added switched off. Default: true. */
  readonly enabled?: boolean | undefined;
  /**
   * Switches the route by a condition: asked when the application starts, once a second, and by `app.routes.refresh()`. A new
   * answer counts as `enable` and `disable` do. Default: always on.
   */
  readonly enabledWhen?: (() => boolean) | undefined;
}

/** A route: which events go to which processors, and as what. Made by {@link route}. */
export interface Route {
  readonly name: string;
  readonly options: RouteOptions;
  readonly match: CompiledMatch;
  /** Names of the processors that it may send to; `undefined` for any. */
  readonly targets: readonly string[] | undefined;
  /** Where in the source it was made. */
  readonly definedAt: string;
}

/**
 * Describes a route, for `routes` of `createApp`, `app.routes.add` and `@Processor`.
 *
 * @throws {ConfigurationError} a pattern or condition is not valid, or options contradict each other
 */
export const route = <Data = unknown>(options: RouteOptions<Data>): Route => {
  const place = definedAt(route);
  checkName('route()', options.name, place);
  const where = `Route "${options.name}" (${place})`;
  const { to, among } = options;
  checkFunctions(options, where);
  if (options.map !== undefined && options.split !== undefined) {
    throw new ConfigurationError(`${where} has "map" and "split": do it all in "split".`);
  }
  checkPriority(options.priority, where);
  if (among !== undefined && typeof to !== 'function') {
    throw new ConfigurationError(`${where} has "among", which is for a function in "to" only.`);
  }
  const targets =
    typeof to === 'function' ? among : to === undefined ? undefined : typeof to === 'string' ? [to] : to;
  if (targets?.length === 0) throw new ConfigurationError(`${where} sends to nobody: name a processor.`);
  if (targets?.some((name) => typeof name !== 'string') === true) {
    throw new ConfigurationError(`${where} has names of processors that are no text.`);
  }
  return {
    name: options.name,
    // Functions are only ever called with events that the match has let through.
    options: options as RouteOptions,
    match: compileMatch(options.match ?? '**', `${where}: match`),
    targets,
    definedAt: place,
  };
};

const functions = ['when', 'enrich', 'map', 'split', 'enabledWhen'] as const;

const checkFunctions = <Data>(options: RouteOptions<Data>, where: string): void => {
  for (const name of functions) {
    const given = options[name];
    if (given === undefined || typeof given === 'function') continue;
    throw new ConfigurationError(`${where}: "${name}" must be a function, not ${typeof given}.`);
  }
};

const checkPriority = (priority: unknown, where: string): void => {
  if (priority === undefined || typeof priority === 'function' || isPriority(priority)) return;
  throw new ConfigurationError(
    `${where} has the priority ${JSON.stringify(priority)}, which there is not. There are: ${priorities.join(', ')}.`,
  );
};

/** True for one of the priorities that there are. */
export const isPriority = (value: unknown): value is Priority =>
  priorities.some((priority) => priority === value);
