import { jsonCodec, messageDefinitionOf, type Message, type MessageDefinition } from '@tidemark/core';
import type { RecordedCommand } from './events.js';
import type { CommandMessage, EventRef } from './saga-context.js';

/** Definition of an event type that is given by its class. */
export const eventDefinition = (reference: EventRef, mentionedBy: string): MessageDefinition | undefined =>
  typeof reference === 'string' ? undefined : messageDefinitionOf(reference, 'event', mentionedBy);

/** Name of an event type. */
export const eventTypeOf = (reference: EventRef, mentionedBy: string): string =>
  typeof reference === 'string' ? reference : messageDefinitionOf(reference, 'event', mentionedBy).name;

/** Names of one or several event types, or none. */
export const eventTypes = (references: EventRef | readonly EventRef[] | undefined): readonly string[] => {
  if (references === undefined) return [];
  const list = isList(references) ? references : [references];
  return list.map((reference) => eventTypeOf(reference, 'A step of a saga'));
};

/**
 * A command as it is recorded, apart from the object given: a later change to that one changes nothing.
 *
 * @throws {ConfigurationError} its class is no command
 * @throws {SerializationError} JSON cannot hold it
 */
export const commandOf = (command: CommandMessage): RecordedCommand => {
  const plain = isMessage(command);
  const type = plain
    ? command.type
    : messageDefinitionOf(classOf(command), 'command', 'A step of a saga').name;
  return { type, data: toJson(plain ? command.data : command, `command "${type}"`) };
};

/**
 * A copy as JSON gives it back, so that an instance in memory is the same as one read from its stream.
 *
 * @param where for the error, e.g. `command "plan-research"`
 * @throws {SerializationError} JSON cannot hold it
 */
export const toJson = (value: unknown, where: string): unknown =>
  value === undefined ? undefined : jsonCodec.decode(jsonCodec.encode(value, where));

const isList = (references: EventRef | readonly EventRef[]): references is readonly EventRef[] =>
  Array.isArray(references);

const isMessage = (command: CommandMessage): command is Message =>
  Object.getPrototypeOf(command) === Object.prototype && 'type' in command && 'data' in command;

const classOf = (command: object): (new () => object) => command.constructor as new () => object;
