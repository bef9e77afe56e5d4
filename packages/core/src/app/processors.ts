import { NotRunningError } from '../commands/errors.js';
import { ConfigurationError } from '../error.js';
import { InvalidArgumentError } from '../log/errors.js';
import type { Class, Definition } from '../model/definition.js';
import { definitionsOf } from '../model/definitions-of.js';
import type { ProcessorDefinition } from '../model/processor-definition.js';
import type { ProcessorRunner } from '../processing/processor-runner.js';
import type { Registry } from './registry.js';
import type { Sequence } from './sequence.js';

/** The runners of an application, by the names of their processors. */
export class Processors implements ReadonlyMap<string, ProcessorRunner> {
  readonly #registry: Registry;
  readonly #sequence: Sequence;

  constructor(registry: Registry, sequence: Sequence) {
    this.#registry = registry;
    this.#sequence = sequence;
  }

  /** How many there are. */
  get size(): number {
    return this.#registry.processors.size;
  }

  /** The runner of the processor, projection or saga of that name. */
  get(name: string): ProcessorRunner | undefined {
    return this.#registry.processors.get(name);
  }

  /** True if there is one of that name. */
  has(name: string): boolean {
    return this.#registry.processors.has(name);
  }

  /** Their names. */
  keys(): MapIterator<string> {
    return this.#registry.processors.keys();
  }

  /** The runners. */
  values(): MapIterator<ProcessorRunner> {
    return this.#registry.processors.values();
  }

  /** The runners with their names. */
  entries(): MapIterator<[string, ProcessorRunner]> {
    return this.#registry.processors.entries();
  }

  /** As {@link entries}. */
  [Symbol.iterator](): MapIterator<[string, ProcessorRunner]> {
    return this.entries();
  }

  /** Calls back for each. */
  forEach(
    callback: (runner: ProcessorRunner, name: string, map: ReadonlyMap<string, ProcessorRunner>) => void,
  ): void {
    for (const [name, runner] of this) callback(runner, name, this);
  }

  /**
   * Adds a processor to the application. It starts at once if the application runs, behind its checkpoint if it has one: one
   * that was removed goes on where it ended. It is gone with the process: what is to last belongs into `register`.
   *
   * @param processor a class with `@Processor`, or a definition
   * @throws {ConfigurationError} it is no processor, or brings upcasters or events with older versions: list those in `register`
   * @throws {DuplicateNameError} there is one of that name
   * @throws {NotRunningError} the application is stopping
   */
  async add(processor: Class | Definition): Promise<ProcessorRunner> {
    const definition = processorOf(processor);
    const { state } = this.#sequence;
    if (state === 'stopping')
      throw new NotRunningError('The application is stopping: it takes no more processors.');
    if (state !== 'stopped') {
      const { messages, routes = [] } = definition;
      const mentioned = [...messages, ...routes.flatMap(({ match }) => match.messages)];
      for (const message of mentioned) this.#registry.schema.learn(message);
    }
    try {
      this.#registry.register(definition);
    } catch (error) {
      if (!this.has(definition.name)) this.#registry.removeProcessor(definition.name);
      throw error;
    }
    const runner = this.#registry.processors.get(definition.name);
    if (runner === undefined) throw new ConfigurationError(`Processor "${definition.name}" has no runner.`);
    if (state === 'stopped') return runner;
    try {
      if (state === 'starting') await this.#sequence.start();
      this.#registry.makeSingletons();
      await runner.start();
    } catch (error) {
      this.#registry.removeProcessor(definition.name);
      throw error;
    }
    return runner;
  }

  /**
   * Takes a processor out of the application: it finishes what it has taken in, stores how far it came, and ends. Its own routes
   * go with it; those of the application that send to it stay, and lead nowhere.
   *
   * @throws {InvalidArgumentError} there is none of that name, or it belongs to a projection, a saga or the like
   */
  async remove(name: string): Promise<void> {
    const runner = this.get(name);
    const isOwn = this.#registry.definitions.some(
      (other) => other.kind === 'processor' && other.name === name,
    );
    if (runner === undefined || !isOwn) {
      const names = this.#registry.definitions
        .filter(({ kind }) => kind === 'processor')
        .map((other) => other.name);
      throw new InvalidArgumentError(
        'name',
        `"${name}" is no processor that could be removed. There are: ${names.join(', ') || 'none'}.`,
      );
    }
    await runner.drain();
    if (this.get(name) === runner) this.#registry.removeProcessor(name);
  }
}

const processorOf = (target: Class | Definition): ProcessorDefinition => {
  const [definition, ...others] = definitionsOf(target);
  if (definition !== undefined && others.length === 0 && isProcessor(definition)) {
    if ((definition.upcasters ?? []).length === 0) return definition;
    throw new ConfigurationError(
      `Processor "${definition.name}" (${definition.definedAt}) brings upcasters: list it in "register" of the application.`,
    );
  }
  throw new ConfigurationError(
    `${target.name} is no processor: only classes with @Processor, and definitions of processors, can be added to a running application.`,
  );
};

const isProcessor = (definition: Definition): definition is ProcessorDefinition =>
  definition.kind === 'processor' && 'delivery' in definition;
