import { ConfigurationError } from '../error.js';
import { checkName, checkVersion } from './check-name.js';
import { MarkKind } from './class-marks.js';
import { definedAt } from './defined-at.js';
import type { Class } from './definition.js';
import type { EventVersion, OldEvent, UpcastEvent, UpcasterDefinition } from './upcaster-definition.js';

/** From where to where an upcaster leads. */
export interface UpcasterRoute {
  /** Name of the event type. Default, on a class with `@Event`: that class's. */
  readonly event?: string | undefined;
  /** The stored version that it takes. */
  readonly from: number;
}

/** An upcaster to one event: it returns the new data. */
export interface SingleUpcasterRoute extends UpcasterRoute {
  /** The version, or the type and version, that it leads to. Default: the same type, one version higher. */
  readonly to?: number | EventVersion | undefined;
}

/** An upcaster to a list of events: it splits, drops, or changes metadata. */
export interface ListUpcasterRoute extends UpcasterRoute {
  /** Every type and version that it may return; an empty list if it drops the event always. */
  readonly to: readonly EventVersion[];
}

type SingleUpcast<Data> = (data: Data, old: OldEvent<Data>) => unknown;
type ListUpcast<Data> = (data: Data, old: OldEvent<Data>) => readonly UpcastEvent[];

/** {@link upcaster} to one event. */
export interface SingleUpcasterOptions<Data> extends SingleUpcasterRoute {
  readonly event: string;
  /** Returns the new data. Must be pure. */
  readonly upcast: SingleUpcast<Data>;
}

/** {@link upcaster} to a list of events. */
export interface ListUpcasterOptions<Data> extends ListUpcasterRoute {
  readonly event: string;
  /** Returns the events that it becomes; none drops it. Must be pure. */
  readonly upcast: ListUpcast<Data>;
}

/** What a decorated method may be: static, from the old data to the new. */
type UpcasterMethod<Allowed> = <Method extends Allowed>(
  target: Class,
  member: string,
  descriptor: TypedPropertyDescriptor<Method>,
) => void;

interface NotedRoute extends UpcasterRoute {
  readonly to?: number | EventVersion | readonly EventVersion[] | undefined;
}

const marks = new MarkKind<NotedRoute>('@Upcaster');

/**
 * Makes a static method an upcaster: from the data of a stored version to that of a later one. On a class with `@Event`
 * it belongs to that type and is registered with it; on any other class name the `event`, and register the class.
 *
 * With a list as `to`, the method returns a list of events, and so splits (several), drops (none) or changes metadata;
 * else it returns the new data. It must be pure: it runs whenever an old event is read.
 */
export function Upcaster(route: ListUpcasterRoute): UpcasterMethod<ListUpcast<never>>;
export function Upcaster(route: SingleUpcasterRoute): UpcasterMethod<SingleUpcast<never>>;
export function Upcaster(route: NotedRoute): (target: Class, member: string) => void {
  const place = definedAt(Upcaster);
  return (target, member) => {
    marks.add(target, member, route, place);
  };
}

/** An upcaster by hand; see {@link Upcaster}. */
export function upcaster<Data = unknown>(options: ListUpcasterOptions<Data>): UpcasterDefinition;
export function upcaster<Data = unknown>(options: SingleUpcasterOptions<Data>): UpcasterDefinition;
export function upcaster(
  options: NotedRoute & { readonly event: string; readonly upcast: SingleUpcast<never> },
): UpcasterDefinition {
  return define('upcaster', options.event, options, options.upcast, definedAt(upcaster));
}

/**
 * The upcasters among the class's own static methods. Inherited ones are those of another type.
 *
 * @param event the type's name where `event` is left out
 */
export const upcastersOn = (type: Class, event?: string): readonly UpcasterDefinition[] =>
  marks.ownOf(type).map(({ member, isStatic, options, definedAt: place }) => {
    const name = options.event ?? event;
    const method: unknown = Reflect.get(type, member);
    if (!isStatic || typeof method !== 'function') {
      throw new ConfigurationError(
        `@Upcaster on ${type.name}.${member} (${place}) stands on no static method: write "static ${member}(…)".`,
      );
    }
    if (name === undefined) {
      throw new ConfigurationError(
        `@Upcaster on ${type.name}.${member} (${place}) does not say of which event, and ${type.name} is none itself: ` +
          "add event: '…'.",
      );
    }
    return define(
      `@Upcaster on ${type.name}.${member}`,
      name,
      options,
      (data, old) => Reflect.apply(method, type, [data, old]),
      place,
    );
  });

const define = (
  owner: string,
  event: string,
  route: NotedRoute,
  upcast: SingleUpcast<never>,
  place: string,
): UpcasterDefinition => {
  checkName(owner, event, place);
  checkVersion(owner, route.from, place);
  const from: EventVersion = { type: event, version: route.from };
  const to = targetsOf(route.to, from);
  for (const target of to) {
    checkName(owner, target.type, place);
    checkVersion(owner, target.version, place);
  }
  const run: (data: unknown, old: OldEvent) => unknown = upcast as SingleUpcast<unknown>;
  const [only] = to;
  return {
    kind: 'upcaster',
    name: `${event}@${route.from}`,
    definedAt: place,
    from,
    to,
    upcast:
      isList(route.to) || only === undefined
        ? (old) => run(old.data, old) as readonly UpcastEvent[]
        : (old) => [{ type: only.type, version: only.version, data: run(old.data, old) }],
  };
};

const targetsOf = (to: NotedRoute['to'], from: EventVersion): readonly EventVersion[] => {
  if (isList(to)) return to;
  if (typeof to === 'object') return [to];
  return [{ type: from.type, version: to ?? from.version + 1 }];
};

const isList = (to: NotedRoute['to']): to is readonly EventVersion[] => Array.isArray(to);
