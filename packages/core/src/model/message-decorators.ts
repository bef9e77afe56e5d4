import { ConfigurationError } from '../error.js';
import { attachDefinition } from './attached.js';
import { checkName, checkVersion } from './check-name.js';
import { MarkKind } from './class-marks.js';
import { definedAt } from './defined-at.js';
import type { Class } from './definition.js';
import type { MessageDefinition } from './message-definition.js';
import { upcastersOn } from './upcaster.js';

/** What `@Event` says of a type of event. */
export interface EventOptions {
  /** Stable, explicit name of the type: it is stored with every event. */
  readonly name: string;
  /** Version of the newest schema. Raise it with each change that needs an upcaster. Default: 1. */
  readonly version?: number | undefined;
}

/** What `@Command` says of a type of command. */
export interface CommandOptions {
  /** Stable, explicit name of the type. */
  readonly name: string;
}

const messages = new WeakMap<Class, MessageDefinition>();
const aggregateIds = new MarkKind<undefined>('@AggregateId');

/** Makes the class a type of event. Its instances are stored as their own properties, and rebuilt without its constructor. */
export const Event = (options: EventOptions) => {
  const place = definedAt(Event);
  checkName('@Event', options.name, place);
  checkVersion('@Event', options.version ?? 1, place);
  return (type: Class): void => {
    attach(type, () => ({
      kind: 'event',
      name: options.name,
      version: options.version ?? 1,
      class: type,
      definedAt: place,
      upcasters: upcastersOn(type, options.name),
    }));
  };
};

/** Makes the class a type of command. `@AggregateId` on one of its properties names the aggregate that it is for. */
export const Command = (options: CommandOptions) => {
  const place = definedAt(Command);
  checkName('@Command', options.name, place);
  return (type: Class): void => {
    attach(type, () => ({ kind: 'command', name: options.name, version: 1, class: type, definedAt: place }));
  };
};

/** On a property of a command: the id of the aggregate that it is for. On a property of an aggregate: it receives its own id. */
export const AggregateId = () => {
  const place = definedAt(AggregateId);
  return (target: object, property: string): void => {
    aggregateIds.add(target, property, undefined, place);
  };
};

/** The property that `@AggregateId` stands on, or `undefined`. */
export const aggregateIdOf = (type: Class): string | undefined => {
  const [first, second] = aggregateIds.of(type);
  if (second !== undefined) {
    throw new ConfigurationError(
      `${type.name} has @AggregateId on "${first?.member}" and on "${second.member}" (${second.definedAt}): keep one.`,
    );
  }
  return first?.member;
};

const attach = (type: Class, build: () => MessageDefinition): void => {
  attachDefinition(type, () => {
    const known = messages.get(type);
    if (known !== undefined) return known;
    const definition = build();
    messages.set(type, definition);
    return definition;
  });
};
