import { ConfigurationError, TidemarkError } from '../error.js';
import { assignRevived } from '../schema/revive.js';
import type { AggregateDefinition, SnapshotPolicy } from './aggregate-definition.js';
import { attachDefinition } from './attached.js';
import { checkName } from './check-name.js';
import { MarkKind } from './class-marks.js';
import { commandHandlers } from './command-handler.js';
import { definedAt } from './defined-at.js';
import type { Class } from './definition.js';
import {
  callMethod,
  messageHandlers,
  type HandledMessages,
  type MessageHandler,
} from './handled-messages.js';
import { aggregateIdOf } from './message-decorators.js';
import type { MessageDefinition } from './message-definition.js';

/** What `@Aggregate` says of an aggregate. */
export interface AggregateOptions {
  /** Stable, explicit name; streams are named after it: `order-42`. */
  readonly name: string;
  /** When snapshots are taken, or only how many events apart. Default: never. */
  readonly snapshots?: number | AggregateSnapshots | undefined;
}

/** {@link SnapshotPolicy} of a class, whose type the decorator cannot know: annotate the state of `save`. */
export interface AggregateSnapshots extends Omit<SnapshotPolicy, 'save' | 'restore'> {
  /** Makes JSON of the state. Default: its fields. */
  save?(state: never): unknown;
  /** Makes a state of that JSON. Default: a new one with the saved fields set. */
  restore?(saved: unknown, id: string): object;
}

const applies = new MarkKind<HandledMessages>('@Apply');

/**
 * Makes the class an aggregate: its fields are the state, methods with `@CommandHandler` decide and return events,
 * methods with `@Apply` change the fields. It is constructed without arguments; services come from
 * `context.services` in a command handler.
 */
export const Aggregate = (options: AggregateOptions) => {
  const place = definedAt(Aggregate);
  checkName('@Aggregate', options.name, place);
  return (type: Class): void => {
    attachDefinition(type, () => build(type, options, place));
  };
};

/**
 * On a method `(event, message)` of an aggregate that changes its fields by one event, and nothing else: it runs again
 * whenever the aggregate is loaded.
 *
 * @param event the class of the event, or the name of a type without one. Default: the type of the first parameter
 */
export const Apply = (event?: Class | string) => {
  const place = definedAt(Apply);
  return (target: object, method: string): void => {
    applies.add(target, method, event === undefined ? [] : [event], place);
  };
};

/** A command does not say which aggregate it is for. */
export class MissingTargetError extends TidemarkError {
  readonly code = 'missing-target';

  /** @param property the property that should hold the aggregate's id */
  constructor(
    readonly command: string,
    readonly property: string,
  ) {
    super(
      `Command "${command}" does not say which aggregate it is for: "${property}" must be a non-empty string.`,
    );
  }
}

const build = (
  type: Class,
  options: AggregateOptions,
  place: string,
): AggregateDefinition<object, object> => {
  if (type.length > 0) {
    throw new ConfigurationError(
      `${type.name} (@Aggregate at ${place}) has a constructor with parameters. An aggregate is its events' state and is ` +
        'made without any: get services from context.services in the command handler.',
    );
  }
  const deciding = commandHandlers(type);
  const applying = messageHandlers(type, applies, 'event');
  const targets = new Map(
    deciding.flatMap(({ messages, definedAt: at }) =>
      messages.map((command) => [command.class.prototype, targetProperty(type, command, at)]),
    ),
  );
  const decideBy = new Map(
    deciding.flatMap(({ method, messages }) => messages.map((command) => [command.class.prototype, method])),
  );
  const applyBy = new Map(applying.flatMap(({ method, types }) => types.map((name) => [name, method])));
  const idProperty = aggregateIdOf(type);

  const initialState = (id: string): object => {
    const state: object = Reflect.construct(type, []);
    if (idProperty !== undefined) {
      Object.defineProperty(state, idProperty, {
        value: id,
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
    return state;
  };

  return {
    kind: 'aggregate',
    name: options.name,
    definedAt: place,
    commands: deciding.flatMap(({ types }) => types),
    messages: messagesOf([...deciding, ...applying]),
    snapshots: snapshotPolicy(type, options.snapshots, initialState),
    initialState,

    targetOf(command) {
      const target = targets.get(Object.getPrototypeOf(command));
      if (target === undefined) throw undecided(type, command);
      const id: unknown = Reflect.get(command, target.property);
      if (typeof id !== 'string' || id === '') throw new MissingTargetError(target.command, target.property);
      return id;
    },

    decide(command, state, context) {
      const method = decideBy.get(Object.getPrototypeOf(command));
      if (method === undefined) throw undecided(type, command);
      return callMethod(state, method, [command, context]);
    },

    evolve(state, event) {
      const method = applyBy.get(event.type);
      if (method === undefined) return state;
      if (callMethod(state, method, [event.data, event]) instanceof Promise) {
        throw new ConfigurationError(
          `@Apply on ${type.name}.${method} returned a promise: events must be applied synchronously. Do the work in a handler.`,
        );
      }
      return state;
    },
  };
};

const targetProperty = (type: Class, command: MessageDefinition, at: string) => {
  const property = aggregateIdOf(command.class);
  if (property !== undefined) return { command: command.name, property };
  throw new ConfigurationError(
    `${command.class.name} (${command.definedAt}), which ${type.name} handles (${at}), does not say which aggregate it is ` +
      'for: add @AggregateId() to the property that holds the id.',
  );
};

const snapshotPolicy = (
  type: Class,
  policy: AggregateOptions['snapshots'],
  initialState: (id: string) => object,
): SnapshotPolicy<object> | undefined => {
  if (policy === undefined) return undefined;
  const given: AggregateSnapshots = typeof policy === 'number' ? { every: policy } : policy;
  return {
    every: given.every,
    schemaVersion: given.schemaVersion,
    // The state given is always of the class that the policy was written for.
    save: (state) => (given.save === undefined ? state : given.save(state as never)),
    restore(saved, id) {
      if (given.restore !== undefined) return given.restore(saved, id);
      const state = initialState(id);
      assignRevived(type, state, saved);
      return state;
    },
  };
};

const messagesOf = (handlers: readonly MessageHandler[]): readonly MessageDefinition[] => [
  ...new Set(handlers.flatMap(({ messages }) => messages)),
];

const undecided = (type: Class, command: object): ConfigurationError =>
  new ConfigurationError(
    `${type.name} has no @CommandHandler for ${command.constructor.name}: add one, or send the command elsewhere.`,
  );
