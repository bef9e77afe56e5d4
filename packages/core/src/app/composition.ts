import type { Container, ServiceIdentifier } from 'inversify';
import type { Appender } from '../backend/appender.js';
import type { Backend } from '../backend/backend.js';
import type { Clock } from '../clock.js';
import type { CommandBus } from '../commands/command-bus.js';
import type { Definition } from '../model/definition.js';
import type { HandlerClass } from '../model/handler-class.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import type { ProcessorRunner } from '../processing/processor-runner.js';
import type { Schema } from '../schema/schema.js';
import type { Health } from './health.js';

/** Something with a beginning and an end that lives as long as the application does. */
export interface Lifecycle {
  /**
   * Called when the backend is open and the schema is complete, before commands are taken. A start that is called off aborts
   * the signal: what takes long then ends.
   */
  prepare?(signal: AbortSignal): Promise<void>;
  /** Called when commands are taken, before processors start. */
  start?(): Promise<void>;
  /** Called after the processors have stopped, before the backend closes. */
  stop?(): Promise<void>;
  /** How well it works, for the health of the application. Default: up. */
  health?(): Health;
}

/**
 * The application while it is being put together: what a definition from another package (a projection, a saga)
 * is installed into.
 */
export interface Composition {
  readonly backend: Backend;
  /** By which everything of the application appends, so that others can take part. */
  readonly appends: Appender;
  readonly schema: Schema;
  readonly container: Container;
  readonly commands: CommandBus;
  readonly clock: Clock;

  /** Registers further definitions, as if the user had listed them. */
  register(definition: Definition): void;

  /**
   * Adds a runner for the definition to the application: started, stopped and reported with the others.
   */
  addProcessor(definition: ProcessorDefinition): ProcessorRunner;

  /** Binds the class of a definition's handlers where the user has not: for definitions that no runner is added for. */
  bindHandler(handler: HandlerClass | undefined): void;

  /**
   * The one service of its kind in this application, made at the first call and bound in the container,
   * so that `app.get(token)` and injected handlers find it.
   */
  service<Service extends object>(token: ServiceIdentifier<Service>, create: () => Service): Service;

  /** Adds something that starts and stops with the application: started in the order added, stopped in the reverse. */
  addLifecycle(lifecycle: Lifecycle): void;
}

/** A definition from another package that knows how to become part of an application. */
export interface InstallableDefinition extends Definition {
  /**
   * Makes it part of the application; called once in each, when it is registered.
   *
   * @throws {ConfigurationError} the application lacks what it needs, or it contradicts what is there
   */
  install(composition: Composition): void;
}
