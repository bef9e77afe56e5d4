import type { CommandHandlerDefinition } from './aggregate-definition.js';
import { MarkKind } from './class-marks.js';
import { definedAt } from './defined-at.js';
import type { Class } from './definition.js';
import {
  callMethod,
  messageHandlers,
  type HandledMessages,
  type MessageHandler,
} from './handled-messages.js';
import { makeInjectable, tokenOf } from './handler-class.js';

const marks = new MarkKind<HandledMessages>('@CommandHandler');

/**
 * On a method `(command, context)` that handles one type of command. In an aggregate it decides: it returns one event,
 * several, none, or a generator of them, each also asynchronously, and changes nothing itself. In any other class it may
 * do anything; the class is resolved through the container.
 *
 * @param command the class of the command. Default: the type of the first parameter
 */
export const CommandHandler = (command?: Class) => {
  const place = definedAt(CommandHandler);
  return (target: object, method: string): void => {
    marks.add(target, method, command === undefined ? [] : [command], place);
  };
};

/** The command handlers of a class, each with one command. */
export const commandHandlers = (type: Class): readonly MessageHandler[] =>
  messageHandlers(type, marks, 'command');

/** The definitions of the command handlers of a class that is no aggregate. */
export const commandHandlerDefinitions = (type: Class): readonly CommandHandlerDefinition<object>[] => {
  const handlers = commandHandlers(type);
  if (handlers.length > 0) makeInjectable(type);
  const token = tokenOf(type);
  return handlers.flatMap(({ method, messages, definedAt: place }) =>
    messages.map((message) => ({
      kind: 'command-handler',
      name: message.name,
      definedAt: place,
      messages: [message],
      handler: { class: type, scope: 'singleton' },
      handle: (command, context) => callMethod(context.services.get(token), method, [command, context]),
    })),
  );
};
