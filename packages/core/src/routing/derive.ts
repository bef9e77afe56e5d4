import { deterministicId } from '../messages/ids.js';
import type { RecordedEvent } from '../messages/event.js';
import { messageDefinitionOf } from '../model/handled-messages.js';
import type { Class } from '../model/definition.js';
import type { Schema } from '../schema/schema.js';
import { routeFailure, RouteError } from './errors.js';
import type { DerivedEvent, Route } from './route.js';

/**
 * What the transformations of a route make of an event: the event itself if it has none.
 *
 * What is made has the place of the event in the log. One that is enriched or mapped keeps its id, since it is the same
 * event in another form; those that it is split into have ids of their own, the same each time.
 *
 * @param piece which of the events that upcasting made of the one in the log it is, from 0
 * @throws {RouteError} a function threw, or gave what is no event
 */
export const derive = (
  route: Route,
  event: RecordedEvent,
  piece: number,
  schema: Schema,
): readonly RecordedEvent[] => {
  const { map, split } = route.options;
  const enriched = enrich(route, event);
  if (map !== undefined) {
    const made = call(route, 'map', enriched, map);
    return made === undefined || made === null
      ? []
      : [derivedFrom(route, 'map', enriched, made, event.id, schema)];
  }
  if (split === undefined) return [enriched];
  const parts: unknown = call(route, 'split', enriched, split);
  if (!Array.isArray(parts)) throw failed(route, 'split', event, 'it must give a list');
  return parts.map((made: unknown, index) =>
    derivedFrom(
      route,
      'split',
      enriched,
      made,
      deterministicId(event.id, `${route.name}/${piece}/${index}`),
      schema,
    ),
  );
};

/** True if the route changes what it sends. */
export const isDeriving = ({ options: { enrich: enriching, map, split } }: Route): boolean =>
  enriching !== undefined || map !== undefined || split !== undefined;

const enrich = (route: Route, event: RecordedEvent): RecordedEvent => {
  if (route.options.enrich === undefined) return event;
  const extra: unknown = call(route, 'enrich', event, route.options.enrich);
  if (!isObject(extra) || !isObject(event.data)) {
    throw failed(route, 'enrich', event, "it must give an object, and the event's data must be one");
  }
  // Spread, unlike assignment, makes own properties of all names, `__proto__` included.
  const data = { ...event.data, ...extra };
  const prototype: unknown = Object.getPrototypeOf(event.data);
  if (isObject(prototype) && prototype !== Object.prototype) Object.setPrototypeOf(data, prototype);
  return withChanges(event, event.id, event.type, event.schemaVersion, data, event.metadata);
};

const derivedFrom = (
  route: Route,
  part: string,
  source: RecordedEvent,
  made: unknown,
  id: string,
  schema: Schema,
): RecordedEvent => {
  if (!isObject(made)) throw failed(route, part, source, 'it must give an object');
  if ('then' in made) {
    throw failed(
      route,
      part,
      source,
      'it gave a promise, but routes do not wait: do what takes time in the handler or its middleware',
    );
  }
  const {
    type = source.type,
    data = source.data,
    metadata = source.metadata,
  } = asDerived(route, part, source, made);
  const derived = withChanges(source, id, type, schema.latestVersion(type), data, metadata);
  const [ready, ...more] = schema.readOne(derived);
  // An event at its newest version is not upcast, so it is one.
  return more.length === 0 && ready !== undefined ? ready : derived;
};

/** An instance of an event class stands for its type and data. */
const asDerived = (route: Route, part: string, source: RecordedEvent, made: object): DerivedEvent => {
  const prototype: unknown = Object.getPrototypeOf(made);
  if (prototype !== Object.prototype && prototype !== null) {
    const type = call(route, part, source, () =>
      messageDefinitionOf(made.constructor as Class, 'event', `"${part}" of route "${route.name}"`),
    );
    return { type: type.name, data: made };
  }
  const stray = Object.keys(made).find((key) => key !== 'type' && key !== 'data' && key !== 'metadata');
  if (stray !== undefined) {
    throw failed(
      route,
      part,
      source,
      `it gave an object with "${stray}": wrap data as { data: … }, or give an event's instance`,
    );
  }
  return made;
};

const call = <Result>(
  route: Route,
  part: string,
  event: RecordedEvent,
  work: (event: RecordedEvent) => Result,
): Result => {
  try {
    return work(event);
  } catch (thrown) {
    throw routeFailure(route, part, event, thrown);
  }
};

const failed = (route: Route, part: string, event: RecordedEvent, what: string): RouteError =>
  routeFailure(route, part, event, new RouteError(route.name, what));

const withChanges = (
  event: RecordedEvent,
  id: string,
  type: string,
  schemaVersion: number,
  data: unknown,
  metadata: RecordedEvent['metadata'],
): RecordedEvent => ({
  id,
  stream: event.stream,
  version: event.version,
  position: event.position,
  type,
  schemaVersion,
  data,
  metadata,
  recordedAt: event.recordedAt,
});

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
