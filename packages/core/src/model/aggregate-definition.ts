import type { Message } from '../messages/event.js';
import type { MessageContext } from '../messages/context.js';
import type { Metadata } from '../messages/metadata.js';
import type { Definition } from './definition.js';
import type { HandlerClass } from './handler-class.js';
import type { MessageDefinition } from './message-definition.js';

/** What a command handler may give back: one event, several, none, or a generator of them; each also asynchronously. */
export type Decision<Event> =
  | Event
  | readonly Event[]
  | void
  | Iterable<Event>
  | AsyncIterable<Event>
  | Promise<Event | readonly Event[] | Iterable<Event> | void>;

/** An event as {@link AggregateDefinition.evolve} sees it. Its data is an instance where the type has a class. */
export interface AppliedEvent extends Message {
  readonly metadata: Metadata;
}

/** The surroundings of a decision. */
export interface CommandContext extends MessageContext {
  readonly commandId: string;
  readonly aggregateId: string;
  readonly stream: string;
  /** Version of the state decided on, -1 for a new aggregate. */
  readonly version: number;
}

/** When snapshots of an aggregate are taken, and how its state becomes JSON and is made of it again. */
export interface SnapshotPolicy<State = unknown> {
  /** A snapshot is taken when this many events came since the last one. */
  readonly every: number;
  /** Version of the state's schema: raise it when the state's shape changes, and older snapshots are ignored. Default: 1. */
  readonly schemaVersion?: number | undefined;
  /** Makes JSON of the state. Default: the state as it is. */
  save?(state: State): unknown;
  /** Makes a state of that JSON. Default: for a class, its initial state with the saved fields set; else the JSON. */
  restore?(saved: unknown, id: string): State;
}

/**
 * An aggregate: how its state follows from its events, and how it decides on commands.
 * Made by `@Aggregate` from a class, or by `decider` from functions.
 */
export interface AggregateDefinition<State = unknown, Command = unknown, Event extends Message = Message>
  extends Definition {
  readonly kind: 'aggregate';
  /** Names of the command types that it decides on. */
  readonly commands: readonly string[];
  /** Classes of commands and events that it mentions; they are registered with it. */
  readonly messages: readonly MessageDefinition[];
  readonly snapshots?: SnapshotPolicy<State> | undefined;
  /** The id of the aggregate that a command is for. */
  targetOf(command: Command): string;
  /** The state of an aggregate of that id without events. */
  initialState(id: string): State;
  /** A command is an instance where its type has a class, else `{ type, data }`. */
  decide(command: Command, state: State, context: CommandContext): Decision<unknown>;
  /** Returns the state after the event; may change and return the one given. */
  evolve(state: State, event: Event & AppliedEvent): State;
}

/** A handler of commands that belongs to no aggregate: for what spans several, or none. */
export interface CommandHandlerDefinition<Command = unknown> extends Definition {
  readonly kind: 'command-handler';
  /** Name of the command type; also the definition's name. */
  readonly name: string;
  readonly messages: readonly MessageDefinition[];
  /** The class whose instance handles, resolved by `context.services`; the application binds it where the user has not. */
  readonly handler?: HandlerClass | undefined;
  /**
   * Handles one command, an instance where its type has a class, else `{ type, data }`. What it returns, or resolves to,
   * is the `value` of the command's result; what it throws reaches the sender.
   */
  handle(command: Command, context: MessageContext): unknown;
}

/** Name of the stream of one aggregate: `order-42`. */
export const streamOf = (aggregate: string, id: string): string => `${aggregate}-${id}`;
