import { ConfigurationError, type RecordedEvent } from '@tidemark/core';
import type { KeySelector } from './definition.js';
import { InvalidDocumentError } from './errors.js';

/**
 * Where the documents of every event of a projection are found: the property of the events that holds the key (or a
 * list of keys), or a function of the recorded event, e.g. `(recorded) => recorded.stream`.
 */
export type ProjectionKey = string | ((recorded: RecordedEvent) => string | readonly string[] | undefined);

/** Where the documents of one type of event are found: the property that holds the key or keys, or a function. */
export type HandlerKey<Event> = (keyof Event & string) | KeySelector<Event>;

/** What of {@link HandlerKey} is left once the type of the event is forgotten. */
export type AnyHandlerKey = string | KeySelector<never>;

/**
 * The key of a handler, or else of its projection, as a function.
 *
 * @param label the handler, for messages
 * @throws {ConfigurationError} neither has a key
 */
export const keysBy = (
  handler: AnyHandlerKey | undefined,
  projection: ProjectionKey | undefined,
  label: string,
): KeySelector<unknown> => {
  const key = handler ?? projection;
  if (key === undefined) {
    throw new ConfigurationError(
      `${label} has no key: say which document its events belong to, by \`key\` on the projection ` +
        "(key: 'orderId') or on the handler (@Key('orderId') or { key: 'orderId' }).",
    );
  }
  if (typeof key === 'string') return property(key, label);
  if (handler === undefined) return (_, recorded) => Reflect.apply(key, undefined, [recorded]);
  return (event, recorded) => Reflect.apply(key, undefined, [event, recorded]);
};

const property =
  (name: string, label: string): KeySelector<unknown> =>
  (event) => {
    const keys: unknown = typeof event === 'object' && event !== null ? Reflect.get(event, name) : undefined;
    if (typeof keys === 'string' || isList(keys)) return keys;
    throw new InvalidDocumentError(
      `${label} takes its key from property "${name}", which is ${keys === undefined ? 'missing' : `a ${typeof keys}`} ` +
        'there, but keys are strings. Name another property, or use a function that makes a string of it.',
    );
  };

/** Whether each of them is a key is checked where all keys are. */
const isList = (keys: unknown): keys is readonly string[] => Array.isArray(keys);
