import type { Container, Newable, ServiceIdentifier } from 'inversify';
import type { Appender } from '../backend/appender.js';
import type { Backend } from '../backend/backend.js';
import type { Clock } from '../clock.js';
import type { Cluster } from '../cluster/cluster.js';
import type { CommandBus } from '../commands/command-bus.js';
import { ConfigurationError } from '../error.js';
import type { AggregateDefinition, CommandHandlerDefinition } from '../model/aggregate-definition.js';
import type { Class, Definition } from '../model/definition.js';
import { tokenOf, type HandlerClass } from '../model/handler-class.js';
import type { MessageDefinition } from '../model/message-definition.js';
import type { HandlerMiddleware } from '../model/middleware.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import type { UpcasterDefinition } from '../model/upcaster-definition.js';
import { ProcessorRunner } from '../processing/processor-runner.js';
import { Guards } from '../recovery/guards.js';
import type { RoutingTable } from '../routing/routing-table.js';
import { DuplicateNameError } from '../schema/errors.js';
import type { Schema } from '../schema/schema.js';
import type { Composition, InstallableDefinition, Lifecycle } from './composition.js';
import type { MessageServices } from './message-services.js';
import type { ProcessorWatch } from './processor-watch.js';

export interface RegistryParts {
  readonly backend: Backend;
  readonly appends: Appender;
  readonly schema: Schema;
  readonly container: Container;
  readonly commands: CommandBus;
  readonly clock: Clock;
  readonly services: MessageServices;
  readonly cluster: Cluster;
  /** The routes of the application. */
  readonly table: RoutingTable;
  readonly watch: ProcessorWatch;
  /** What stands around each call of a handler of processors. */
  readonly middleware: readonly HandlerMiddleware[];
  /** Milliseconds that handlers of processors get to finish what was delivered when the application stops. */
  readonly drainMs: number;
}

type CoreDefinition =
  | MessageDefinition
  | UpcasterDefinition
  | AggregateDefinition
  | CommandHandlerDefinition
  | ProcessorDefinition;

/** Puts an application together: takes each definition to where it belongs and refuses what contradicts another. */
export class Registry implements Composition {
  readonly backend: Backend;
  readonly appends: Appender;
  readonly schema: Schema;
  readonly container: Container;
  readonly commands: CommandBus;
  readonly clock: Clock;
  /** Circuit breakers and bulkheads of all handlers. */
  readonly guards: Guards;
  readonly #services: MessageServices;
  readonly #cluster: Cluster;
  readonly #table: RoutingTable;
  readonly watch: ProcessorWatch;
  readonly #middleware: readonly HandlerMiddleware[];
  readonly #drainMs: number;
  readonly #definitions = new Map<string, Definition>();
  readonly #processors = new Map<string, ProcessorRunner>();
  readonly #lifecycles: Lifecycle[] = [];
  readonly #singletons = new Set<ServiceIdentifier>();

  constructor({
    backend,
    appends,
    schema,
    container,
    commands,
    clock,
    services,
    cluster,
    table,
    watch,
    middleware,
    drainMs,
  }: RegistryParts) {
    this.backend = backend;
    this.appends = appends;
    this.schema = schema;
    this.container = container;
    this.commands = commands;
    this.clock = clock;
    this.guards = new Guards(clock);
    this.#services = services;
    this.#cluster = cluster;
    this.#table = table;
    this.watch = watch;
    this.#middleware = middleware;
    this.#drainMs = drainMs;
  }

  get definitions(): readonly Definition[] {
    return [...this.#definitions.values()];
  }

  get processors(): ReadonlyMap<string, ProcessorRunner> {
    return this.#processors;
  }

  get lifecycles(): readonly Lifecycle[] {
    return this.#lifecycles;
  }

  register(definition: Definition): void {
    const key = `${definition.kind} ${definition.name}`;
    const known = this.#definitions.get(key);
    if (known === definition) return;
    if (known !== undefined) {
      throw new DuplicateNameError(definition.kind, definition.name, [known.definedAt, definition.definedAt]);
    }
    if (isInstallable(definition)) {
      this.#definitions.set(key, definition);
      definition.install(this);
      return;
    }
    if (!isCore(definition)) {
      throw new ConfigurationError(
        `"${definition.name}" (${definition.definedAt}) is of kind "${definition.kind}", which cannot be registered: ` +
          'it is none of the core and has no install(composition).',
      );
    }
    this.#place(definition);
    this.#definitions.set(key, definition);
  }

  addProcessor(definition: ProcessorDefinition): ProcessorRunner {
    const other = this.#processors.get(definition.name)?.definition;
    if (other !== undefined) {
      throw new DuplicateNameError('processor', definition.name, [other.definedAt, definition.definedAt]);
    }
    this.#registerMessages(definition.messages);
    for (const upcaster of definition.upcasters ?? []) this.schema.register(upcaster);
    this.bindHandler(definition.handler);
    const { routes, routed = routes !== undefined } = definition;
    for (const { match } of routes ?? []) this.#registerMessages(match.messages);
    const intake = routed
      ? this.#table.intakeOf(definition, () => this.#processors.get(definition.name)?.status().checkpoint)
      : undefined;
    const runner = new ProcessorRunner(definition, {
      intake,
      createRun: (parts) => this.#cluster.createRun(parts),
      backend: this.backend,
      schema: this.schema,
      clock: this.clock,
      services: (context) => this.#services.scope(context),
      middleware: this.#middleware,
      guards: this.guards,
      graceMs: this.#drainMs,
    });
    this.watch.watch(runner);
    this.#processors.set(definition.name, runner);
    return runner;
  }

  /** Takes out a processor that was registered as such: its runner must have stopped. */
  removeProcessor(name: string): void {
    const handler = this.#processors.get(name)?.definition.handler;
    // It may be why the processor is taken out: that it cannot be made.
    if (handler !== undefined) this.#singletons.delete(tokenOf(handler.class));
    this.#definitions.delete(`processor ${name}`);
    this.#processors.delete(name);
    this.#table.forget(name);
  }

  service<Service extends object>(token: ServiceIdentifier<Service>, create: () => Service): Service {
    if (!this.container.isCurrentBound(token)) this.container.bind(token).toConstantValue(create());
    return this.container.get(token);
  }

  addLifecycle(lifecycle: Lifecycle): void {
    this.#lifecycles.push(lifecycle);
  }

  /** Makes the handlers of which there is one in the application, so that a missing dependency shows at the start. */
  makeSingletons(): void {
    for (const token of this.#singletons) this.#services.makeSingleton(token);
  }

  #place(definition: CoreDefinition): void {
    switch (definition.kind) {
      case 'event':
      case 'command':
      case 'upcaster':
        this.schema.register(definition);
        return;
      case 'aggregate':
        this.#checkAggregate(definition);
        this.#registerMessages(definition.messages);
        this.commands.register(definition);
        return;
      case 'command-handler':
        this.#registerMessages(definition.messages);
        this.commands.register(definition);
        this.bindHandler(definition.handler);
        return;
      case 'processor':
        this.addProcessor(definition);
        return;
      default:
        definition satisfies never;
    }
  }

  #checkAggregate({ name, definedAt, snapshots }: AggregateDefinition): void {
    if (snapshots !== undefined && !(Number.isSafeInteger(snapshots.every) && snapshots.every >= 1)) {
      throw new ConfigurationError(
        `Aggregate "${name}" (${definedAt}) takes snapshots every ${snapshots.every} events: it must be an integer from 1.`,
      );
    }
    for (const other of this.#definitions.values()) {
      if (other.kind !== 'aggregate') continue;
      // "order" with id "item-1" and "order-item" with id "1" would share a stream.
      if (other.name.startsWith(`${name}-`) || name.startsWith(`${other.name}-`)) {
        throw new ConfigurationError(
          `Aggregates "${other.name}" (${other.definedAt}) and "${name}" (${definedAt}) could share a stream: ` +
            'the name of one begins with that of the other and a hyphen. Rename one, e.g. with a dot for the hyphen.',
        );
      }
    }
  }

  #registerMessages(messages: readonly MessageDefinition[]): void {
    for (const message of messages) this.register(message);
  }

  bindHandler(handler: HandlerClass | undefined): void {
    if (handler === undefined) return;
    const token = tokenOf(handler.class);
    if (this.container.isBound(token)) return;
    const binding = bindTo(this.container, token, handler.class);
    if (handler.scope === 'message') return;
    binding.inSingletonScope();
    this.#singletons.add(token);
  }
}

/** @throws {ConfigurationError} the container cannot tell what the constructor takes */
const bindTo = (container: Container, token: ServiceIdentifier, type: Class) => {
  try {
    return container.bind(token).to(type as Newable<object>);
  } catch (error) {
    throw new ConfigurationError(
      `${type.name} cannot be made, since the types that its constructor takes are not known. Compilers emit them only with ` +
        `"emitDecoratorMetadata", and only for a class with a decorator of its own: add @injectable() of inversify to ` +
        `${type.name}, or name each dependency by @inject(…).`,
      { cause: error },
    );
  }
};

const isInstallable = (definition: Definition): definition is InstallableDefinition =>
  'install' in definition && typeof definition.install === 'function';

const coreKinds: ReadonlySet<string> = new Set<CoreDefinition['kind']>([
  'event',
  'command',
  'upcaster',
  'aggregate',
  'command-handler',
  'processor',
]);

const isCore = (definition: Definition): definition is CoreDefinition => coreKinds.has(definition.kind);
