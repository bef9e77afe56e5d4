import { type Class, messageDefinitionOf, type MessageDefinition } from '@tidemark/core';

/** The name of an event type, and its definition if it has a class. */
export interface ReferencedEvent {
  readonly type: string;
  readonly message: MessageDefinition | undefined;
}

/**
 * What a hand-written handler names as its event.
 *
 * @param event a class with `@Event`, or the name of a type without one
 * @throws {ConfigurationError} the class is no event
 */
export const referencedEvent = (event: Class | string, mentionedBy: string): ReferencedEvent => {
  if (typeof event === 'string') return { type: event, message: undefined };
  const message = messageDefinitionOf(event, 'event', mentionedBy);
  return { type: message.name, message };
};

/** The definitions among them, each once. */
export const messagesOf = (events: readonly ReferencedEvent[]): readonly MessageDefinition[] => [
  ...new Set(events.flatMap(({ message }) => message ?? [])),
];
