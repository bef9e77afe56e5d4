import type { Message } from '../messages/event.js';
import type {
  AggregateDefinition,
  AppliedEvent,
  CommandContext,
  Decision,
  SnapshotPolicy,
} from './aggregate-definition.js';
import { checkName } from './check-name.js';
import { isClass } from './class-marks.js';
import { definedAt } from './defined-at.js';
import type { Class } from './definition.js';
import { messageDefinitionOf } from './handled-messages.js';

/** How the commands of a decider are listed: a `{ type, data }` command by its type's name, any other by its class. */
export type CommandReference<Command> = Command extends Message<infer Type> ? Type : Class<Command>;

export interface DeciderOptions<State, Command, Event extends Message, EventClass extends Class> {
  /** Stable, explicit name; streams are named after it: `order-42`. */
  readonly name: string;
  /** All commands that it decides on: names of types, or classes with `@Command`. */
  readonly commands: readonly CommandReference<Command>[];
  /** Classes with `@Event` among its events. Default: none; events are `{ type, data }`. */
  readonly events?: readonly EventClass[] | undefined;
  /** The state of an aggregate without events. */
  initialState(id: string): State;
  /** Returns one event, several, none, or a generator of them, each also asynchronously; or throws a domain error. */
  decide(
    command: Command,
    state: State,
    context: CommandContext,
  ): Decision<NoInfer<Event> | InstanceType<NoInfer<EventClass>>>;
  /** Returns the state after the event; may change and return the one given. */
  evolve(state: State, event: Event & AppliedEvent): State;
  /** The id of the aggregate that a command is for. */
  target(command: NoInfer<Command>): string;
  readonly snapshots?: SnapshotPolicy<NoInfer<State>> | undefined;
}

/**
 * An aggregate from three functions, after Jérémie Chassaing's decider pattern. State, commands and events are inferred
 * from them: annotate the command of `decide` and the event of `evolve`.
 */
export const decider = <State, Command, Event extends Message, EventClass extends Class = never>(
  options: DeciderOptions<State, Command, Event, EventClass>,
): AggregateDefinition<State, Command, Event> => {
  const place = definedAt(decider);
  checkName('decider', options.name, place);
  const by = `decider "${options.name}" (${place})`;
  const references: readonly unknown[] = options.commands;
  const commands = references.filter(isClass).map((command) => messageDefinitionOf(command, 'command', by));
  const events = (options.events ?? []).map((event) => messageDefinitionOf(event, 'event', by));
  return {
    kind: 'aggregate',
    name: options.name,
    definedAt: place,
    commands: [
      ...references.filter((command) => typeof command === 'string'),
      ...commands.map(({ name }) => name),
    ],
    messages: [...commands, ...events],
    snapshots: options.snapshots,
    targetOf: (command) => options.target(command),
    initialState: (id) => options.initialState(id),
    decide: (command, state, context) => options.decide(command, state, context),
    evolve: (state, event) => options.evolve(state, event),
  };
};
