import { ConfigurationError } from '../error.js';
import { TypePattern } from '../routing/type-pattern.js';
import { buildersOf } from './attached.js';
import type { Mark, MarkKind } from './class-marks.js';
import type { Class, Definition } from './definition.js';
import type { MessageDefinition } from './message-definition.js';
import { parameterClass } from './message-type.js';

/** What a handler takes: a class with `@Event` or `@Command`, or the name of a type without a class. */
export type MessageReference = Class | string;

/** What the mark of a handler notes: the messages named in the source; empty if the parameter's type tells. */
export type HandledMessages = readonly (MessageReference | TypePattern)[];

/** A decorated method and what it handles. */
export interface MessageHandler {
  readonly method: string;
  /** Names of the types that it handles. */
  readonly types: readonly string[];
  /** Further types, by pattern. */
  readonly patterns: readonly TypePattern[];
  /** Definitions of those that have a class. */
  readonly messages: readonly MessageDefinition[];
  readonly definedAt: string;
}

/**
 * The handlers of a class that carry a mark, with the messages that they handle, by explicit argument or by the type of
 * the first parameter.
 *
 * @param takesPatterns false where types can only be named: a pattern is then an error
 * @throws {MissingTypeError} neither is to be seen
 * @throws {ConfigurationError} a class is not decorated, a message is handled twice, or there is a pattern where none can be
 */
export const messageHandlers = (
  type: Class,
  marks: MarkKind<HandledMessages>,
  kind: MessageDefinition['kind'],
  takesPatterns = false,
): readonly MessageHandler[] => {
  const handlers = marks.of(type).map((mark) => describe(type, marks.decorator, mark, kind));
  for (const { method, patterns, definedAt } of takesPatterns ? [] : handlers) {
    if (patterns.length === 0) continue;
    throw new ConfigurationError(
      `${marks.decorator} on ${type.name}.${method} (${definedAt}) has a pattern, which only a processor can have: name the types.`,
    );
  }
  const places = new Map<string, string>();
  for (const { method, types, definedAt } of handlers) {
    for (const name of types) {
      const other = places.get(name);
      if (other !== undefined) {
        throw new ConfigurationError(
          `${type.name} handles "${name}" twice: by ${marks.decorator} at ${other} and on ${method} at ${definedAt}. ` +
            'Keep one handler for it.',
        );
      }
      places.set(name, definedAt);
    }
  }
  return handlers;
};

/** A method of an instance as a function of what handlers are called with. Looked up by name, so overrides count. */
export const callMethod = (instance: object, method: string, parameters: readonly unknown[]): unknown => {
  const handler: unknown = Reflect.get(instance, method);
  if (typeof handler === 'function') return Reflect.apply(handler, instance, parameters);
  throw new ConfigurationError(
    `${instance.constructor.name}.${method} is decorated as a handler but is no method.`,
  );
};

/**
 * The definition that `@Event` or `@Command` made of a class.
 *
 * @param mentionedBy for the message, e.g. `@On on Mailer.send (src/mailer.ts:10:3)`
 * @throws {ConfigurationError} the class is not decorated so
 */
export const messageDefinitionOf = (
  type: Class,
  kind: MessageDefinition['kind'],
  mentionedBy: string,
): MessageDefinition => {
  for (const build of buildersOf(type)) {
    const definition = build(type);
    if (isMessage(definition) && definition.kind === kind) return definition;
  }
  const decorator = kind === 'event' ? '@Event' : '@Command';
  throw new ConfigurationError(
    `${mentionedBy} takes ${type.name}, which is no ${kind}: add ${decorator}({ name: '…' }) to class ${type.name}, ` +
      'or name the right class in the decorator.',
  );
};

const describe = (
  type: Class,
  decorator: string,
  mark: Mark<HandledMessages>,
  kind: MessageDefinition['kind'],
): MessageHandler => {
  const mentionedBy = `${decorator} on ${type.name}.${mark.member} (${mark.definedAt})`;
  if (mark.isStatic)
    throw new ConfigurationError(`${mentionedBy} stands on a static method: remove "static".`);
  const references = mark.options.length > 0 ? mark.options : [parameterClass(type, decorator, mark)];
  const messages: MessageDefinition[] = [];
  const patterns = references.filter((reference) => reference instanceof TypePattern);
  const named = references.filter(
    (reference): reference is MessageReference => !(reference instanceof TypePattern),
  );
  const types = named.map((reference) => {
    if (typeof reference === 'string') return reference;
    if (reference === undefined) {
      throw new ConfigurationError(
        `${mentionedBy} names a class that is not loaded yet: two modules import each other. Move the message to a module of its own.`,
      );
    }
    const message = messageDefinitionOf(reference, kind, mentionedBy);
    messages.push(message);
    return message.name;
  });
  return { method: mark.member, types, patterns, messages, definedAt: mark.definedAt };
};

const isMessage = (definition: Definition): definition is MessageDefinition =>
  definition.kind === 'event' || definition.kind === 'command';
