import { type Class, definedAt, MarkKind } from '@tidemark/core';
import type { KeySelector } from '../definition.js';
import type { AnyHandlerKey } from '../key.js';

const keys = new MarkKind<AnyHandlerKey>('@Key');

/** `Name`, if the method of that name takes an event of type `Event`, or none at all; else no method is right. */
type MethodTaking<Target, Name, Event> = Name extends keyof Target
  ? Target[Name] extends (event: infer Taken, ...rest: never[]) => unknown
    ? unknown extends Taken
      ? Name
      : Taken extends Event
        ? Name
        : never
    : never
  : never;

/** Decorates a method whose first parameter is an `Event`. */
export type KeyDecorator<Event> = <Target extends object, const Name extends string>(
  target: Target,
  method: Name & MethodTaking<Target, Name, Event>,
) => void;

interface KeyFactory {
  /** @param property name of the event's property that holds the key, or a list of keys */
  <const Property extends string>(
    property: Property,
  ): KeyDecorator<{ readonly [Name in Property]: string | readonly string[] }>;
  /** @param select finds the key, several, or none (`undefined`), which skips the event */
  <Event>(select: KeySelector<Event>): KeyDecorator<Event>;
}

/**
 * Beside `@On` on a method of a document projection: which document the events belong to, where the projection's own
 * `key` does not tell.
 *
 * @example
 * ```ts
 * @On() @Key((move: CardMoved) => [move.from, move.to])
 * moved(move: CardMoved, column: Column | undefined, { key }: DocumentContext): Column { … }
 * ```
 */
export const Key: KeyFactory = (key: AnyHandlerKey) => {
  const place = definedAt(Key);
  return (target: object, method: string): void => keys.add(target, method, key, place);
};

/** The keys of a class's handlers by method. */
export const keysOf = (type: Class): ReadonlyMap<string, AnyHandlerKey> =>
  new Map(keys.of(type).map(({ member, options }) => [member, options]));
