import { validate as isUuid } from 'uuid';
import { InvalidArgumentError } from '../log/errors.js';
import { MessageContext, outgoingMetadata, type ServiceScope } from '../messages/context.js';
import { newId } from '../messages/ids.js';
import type { AggregateDefinition, CommandHandlerDefinition } from '../model/aggregate-definition.js';
import { DuplicateNameError } from '../schema/errors.js';
import type { Schema } from '../schema/schema.js';
import type { AggregateCommands } from './aggregate-commands.js';
import type { CommandEnvelope, CommandMiddleware, CommandResult, SendOptions } from './command.js';
import { UnknownCommandError } from './errors.js';
import { InFlight } from './in-flight.js';

export interface CommandBusEnvironment {
  readonly schema: Schema;
  readonly aggregates: AggregateCommands;
  /** Dependencies in the scope of one message. */
  readonly services: (context: () => MessageContext) => ServiceScope;
}

type CommandTarget = AggregateDefinition | CommandHandlerDefinition;

const neverAborted = new AbortController().signal;

/** Takes commands to what decides on them. Injectable: handlers and processors send further commands through it. */
export class CommandBus {
  readonly #environment: CommandBusEnvironment;
  readonly #targets = new Map<string, CommandTarget>();
  readonly #middleware: CommandMiddleware[] = [];
  readonly #inFlight = new InFlight();

  constructor(environment: CommandBusEnvironment) {
    this.#environment = environment;
  }

  /**
   * Sends a command and waits until it is decided and its events are appended. Commands for one aggregate are decided
   * one after another; a conflict with another process is retried on the state reloaded.
   *
   * @param command an instance of a class with `@Command`, or `{ type, data }`
   * @throws {ValidationError} it breaks constraints of its class, or one of its events does
   * @throws {UnknownCommandError} no handler takes it
   * @throws {ConcurrencyError} others kept writing to the stream for all of the attempts
   * @throws {NotRunningError} the application is not running
   * @throws whatever its handler throws; then nothing was appended
   */
  async send(command: object, options: SendOptions = {}): Promise<CommandResult> {
    if (options.id !== undefined && !isUuid(options.id)) {
      throw new InvalidArgumentError('options.id', "must be a UUID: it is the command's idempotency key.");
    }
    return this.#inFlight.run(() => {
      const id = options.id ?? newId();
      const envelope: CommandEnvelope = {
        id,
        type: this.#environment.schema.commandTypeOf(command).type,
        command,
        metadata: outgoingMetadata(options.metadata),
        signal: options.signal ?? neverAborted,
      };
      const generatedId = options.id === undefined ? id : undefined;
      return this.#step(0, envelope, generatedId);
    });
  }

  /** Adds a middleware behind those that are there: the first one added is the outermost. */
  use(middleware: CommandMiddleware): void {
    this.#middleware.push(middleware);
  }

  /**
   * Makes the definition take the commands that it names.
   *
   * @throws {DuplicateNameError} another one takes one of them already
   */
  register(target: CommandTarget): void {
    const types = target.kind === 'aggregate' ? target.commands : [target.name];
    for (const type of types) {
      const other = this.#targets.get(type);
      if (other !== undefined && other !== target) {
        throw new DuplicateNameError('handler of command', type, [other.definedAt, target.definedAt]);
      }
      this.#targets.set(type, target);
    }
  }

  /** Begins to take commands. Called by the application. */
  open(): void {
    this.#inFlight.open();
  }

  /** Takes no more commands but those that running ones send, and waits for all of them. Called by the application. */
  async close(): Promise<void> {
    await this.#inFlight.close();
  }

  #step(index: number, envelope: CommandEnvelope, generatedId: string | undefined): Promise<CommandResult> {
    const middleware = this.#middleware[index];
    if (middleware === undefined) return this.#handle(envelope, envelope.id !== generatedId);
    return middleware(envelope, (passed) => this.#step(index + 1, passed, generatedId));
  }

  async #handle(envelope: CommandEnvelope, repeatable: boolean): Promise<CommandResult> {
    const { schema, aggregates, services } = this.#environment;
    envelope.signal.throwIfAborted();
    // Middleware may have put in another command.
    const { type, data } = schema.commandTypeOf(envelope.command);
    const target = this.#targets.get(type);
    if (target === undefined) throw new UnknownCommandError(type);
    const command = data === envelope.command ? envelope.command : schema.reviveCommand(type, data);
    schema.validate(command);
    const checked = { ...envelope, type, command };
    if (target.kind === 'aggregate') return aggregates.handle(target, checked, repeatable);

    const context: MessageContext = new MessageContext({
      messageId: envelope.id,
      metadata: envelope.metadata,
      signal: envelope.signal,
      services: services(() => context),
    });
    const value = await context.run(() => target.handle(command, context));
    return { commandId: envelope.id, events: [], alreadyHandled: false, value };
  }
}
