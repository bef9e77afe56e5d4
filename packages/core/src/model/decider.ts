import type { Message } from '../messages/event.js';
import type {
  AggregateDefinition,
  AppliedEvent,
  CommandContext,
  SnapshotPolicy,
} from './aggregate-definition.js';
import { checkName } from './check-name.js';
import { isClass } from './class-marks.js';
import { definedAt } from './defined-at.js';
import type { Class } from './definition.js';
import { messageDefinitionOf } from './handled-messages.js';

/** How the commands of a decider are listed: a `{ type, data }` command by its type's name, any other by its class. */
export type CommandReference<Command> = Command extends Message<infer Type> ? Type : Class<Command>;

/** A decider whose parts do not fit: what the compiler shows where it is used, instead of a definition. */
export interface DeciderMistake<What extends string, Culprit> {
  readonly mistake: What;
  readonly culprit: Culprit;
}

/** The parts that `decider` makes an aggregate of. */
export interface DeciderOptions<
  State,
  Command,
  Event extends Message,
  EventClass extends Class,
  Reference,
  Made,
> {
  /** Stable, explicit name; streams are named after it: `order-42`. */
  readonly name: string;
  /** All commands that it decides on: names of types, or classes with `@Command`. */
  readonly commands: readonly Reference[];
  /** Classes with `@Event` among its events. Default: none; events are `{ type, data }`. */
  readonly events?: readonly EventClass[] | undefined;
  /** The state of an aggregate without events. */
  initialState(id: string): State;
  /** Returns one event, several, none, or a generator of them, each also asynchronously; or throws a domain error. */
  decide(
    command: Command,
    state: State,
    context: CommandContext,
  ): Made | Promise<Made> | Iterator<Made, void> | AsyncIterator<Made, void>;
  /** Returns the state after the event; may change and return the one given. */
  evolve(state: State, event: Event & AppliedEvent): State;
  /** The id of the aggregate that a command is for. */
  target(command: NoInfer<Command>): string;
  readonly snapshots?: SnapshotPolicy<NoInfer<State>> | undefined;
}

type NameOf<Command> = Command extends Message<infer Type> ? Type : never;
type EventsOf<Made> = Made extends Iterable<infer Event> | AsyncIterable<infer Event>
  ? Event
  : Exclude<Made, void | undefined>;
type DeepReadonly<Value> = Value extends object
  ? { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> }
  : Value;

/**
 * The definition, if the parts fit. Checked on the result: a check among the parameters would have the compiler fix
 * the types before it has seen all of the functions, and inference would depend on their order.
 */
export type Decider<State, Command, Event extends Message, EventClass extends Class, Reference, Made> = [
  Exclude<NameOf<Command>, Reference>,
] extends [never]
  ? [Reference] extends [CommandReference<Command>]
    ? [EventsOf<Made>] extends [DeepReadonly<Event> | InstanceType<EventClass>]
      ? AggregateDefinition<State, Command, Event>
      : DeciderMistake<'decide returns what is no event of evolve', EventsOf<Made>>
    : DeciderMistake<'commands lists what decide does not take', Reference>
  : DeciderMistake<'commands leaves out what decide takes', Exclude<NameOf<Command>, Reference>>;

/**
 * An aggregate from three functions, after Jérémie Chassaing's decider pattern. State, commands and events are inferred
 * from them: annotate the command of `decide` and the event of `evolve`.
 *
 * @throws {ConfigurationError} the name cannot be stored, or a class is not decorated
 */
export function decider<
  State,
  Command,
  Event extends Message,
  const Reference,
  const Made,
  EventClass extends Class = never,
>(
  options: DeciderOptions<State, Command, Event, EventClass, Reference, Made>,
): Decider<State, Command, Event, EventClass, Reference, Made>;
export function decider<State, Command, Event extends Message>(
  options: DeciderOptions<State, Command, Event, Class, unknown, unknown>,
): AggregateDefinition<State, Command, Event> {
  const place = definedAt(decider);
  checkName('decider', options.name, place);
  const by = `decider "${options.name}" (${place})`;
  const commands = options.commands
    .filter(isClass)
    .map((command) => messageDefinitionOf(command, 'command', by));
  const events = (options.events ?? []).map((event) => messageDefinitionOf(event, 'event', by));
  return {
    kind: 'aggregate',
    name: options.name,
    definedAt: place,
    commands: [
      ...options.commands.filter((command) => typeof command === 'string'),
      ...commands.map(({ name }) => name),
    ],
    messages: [...commands, ...events],
    snapshots: options.snapshots,
    targetOf: (command) => options.target(command),
    initialState: (id) => options.initialState(id),
    decide: (command, state, context) => options.decide(command, state, context),
    evolve: (state, event) => options.evolve(state, event),
  };
}
