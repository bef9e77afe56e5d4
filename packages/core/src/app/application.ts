import type { Newable, ServiceIdentifier } from 'inversify';
import type { AggregateLoader } from '../aggregates/aggregate-loader.js';
import type { AnnouncedNode } from '../backend/nodes.js';
import type { Cluster } from '../cluster/cluster.js';
import type { Locks } from '../cluster/locks.js';
import type { CommandBus } from '../commands/command-bus.js';
import type { CommandResult, SendOptions } from '../commands/command.js';
import type { Clock } from '../clock.js';
import { NotRunningError } from '../commands/errors.js';
import { ConfigurationError } from '../error.js';
import { InvalidArgumentError } from '../log/errors.js';
import type { AggregateDefinition } from '../model/aggregate-definition.js';
import type { Class, Definition } from '../model/definition.js';
import { definitionsOf } from '../model/definitions-of.js';
import type { ProcessorChange } from '../observation/processor-change.js';
import type { Problems } from '../observation/problems.js';
import type { ProcessorRunner } from '../processing/processor-runner.js';
import type { OpenScope } from '../processing/message-scope.js';
import type { BreakerStatus } from '../recovery/breaker.js';
import type { Guards } from '../recovery/guards.js';
import type { Match } from '../routing/event-match.js';
import {
  LiveSubscriptions,
  type LiveHandler,
  type LiveSubscription,
  type LiveSubscriptionOptions,
} from '../routing/live-subscription.js';
import type { Routes } from '../routing/routes.js';
import { ConsumerGroup } from './consumer-group.js';
import { DeadLetters } from './dead-letters.js';
import { combineHealth, type ApplicationHealth, type Health } from './health.js';
import type { NodePresence } from './node-presence.js';
import { Processors } from './processors.js';
import type { Registry } from './registry.js';
import { drainAll, processorHealth, startAll } from './running-processors.js';
import { Sequence, type SequenceState, type Step } from './sequence.js';

/** Whom `waitFor` waits for, and how long. */
export interface WaitOptions {
  /** Names of the processors, projections and sagas to wait for. Default: all. */
  readonly processors?: readonly string[] | undefined;
  /** Most milliseconds to wait. Default: as of the processors. */
  readonly timeoutMs?: number | undefined;
}

/** An aggregate as it stands in the store. */
export interface LoadedAggregate<State> {
  readonly state: State;
  /** Version of its last event, -1 if it has none. */
  readonly version: number;
}

export interface ApplicationParts {
  readonly registry: Registry;
  readonly loader: AggregateLoader;
  readonly problems: Problems;
  readonly presence: NodePresence;
  readonly cluster: Cluster;
  readonly routes: Routes;
  readonly clock: Clock;
  readonly services: OpenScope;
}

/** A composed application: starts, serves commands and stops. Made by `createApp`; injectable. */
export class Application implements AsyncDisposable {
  readonly #registry: Registry;
  readonly #loader: AggregateLoader;
  readonly #problems: Problems;
  readonly #presence: NodePresence;
  /** Locks across all processes of the application, and duties that one of them has at a time. */
  readonly locks: Locks;
  /** Which events go to which processors: can be changed while the application runs. */
  readonly routes: Routes;
  /** The runners of processors, projections and sagas, by name; processors can be added and removed while the application runs. */
  readonly processors: Processors;
  /** Events that could not be handled, and those that wait behind them. */
  readonly deadLetters: DeadLetters;
  readonly #guards: Guards;
  readonly #subscriptions: LiveSubscriptions;
  readonly #cluster: Cluster;
  readonly #sequence = new Sequence(() => this.#steps());
  #wasStarted = false;

  constructor({ registry, loader, problems, presence, cluster, routes, clock, services }: ApplicationParts) {
    this.locks = cluster.locks;
    this.#cluster = cluster;
    this.routes = routes;
    this.processors = new Processors(registry, this.#sequence);
    const { backend, schema } = registry;
    this.deadLetters = new DeadLetters(backend.deadLetters, registry.processors);
    this.#guards = registry.guards;
    this.#subscriptions = new LiveSubscriptions({ backend, schema, clock, services, problems });
    this.#presence = presence;
    this.#registry = registry;
    this.#loader = loader;
    this.#problems = problems;
  }

  /** Where commands are sent to and middleware is added. */
  get commands(): CommandBus {
    return this.#registry.commands;
  }

  /** Everything that was registered, directly or by another definition. */
  get definitions(): readonly Definition[] {
    return this.#registry.definitions;
  }

  /**
   * Opens the backend, lets services prepare themselves, opens the command bus, then starts services in the order in which they
   * were added, then the processors. If anything fails, what was started is stopped again. Starting twice is the same start; an
   * application that was stopped can be started again if its backend can be opened again.
   *
   * @throws {ConfigurationError} a handler cannot be made
   * @throws {NotRunningError} it was stopped while it was starting
   */
  start(): Promise<void> {
    this.#wasStarted = true;
    return this.#sequence.start();
  }

  /**
   * Drains the processors, stops the services in reverse order, waits for the commands under way, closes the backend.
   * While starting, calls the start off. Idempotent.
   */
  stop(): Promise<void> {
    return this.#sequence.stop();
  }

  /** Stops the application, as {@link stop} does: `await using app = createApp(…)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Sends a command: short for `commands.send`. */
  send(command: object, options?: SendOptions): Promise<CommandResult> {
    return this.commands.send(command, options);
  }

  /** A service from the container: the application's own, one of another package, or one of the user's. */
  get<T>(token: ServiceIdentifier<T> | Newable<T>): T {
    return this.#registry.container.get<T>(token);
  }

  /**
   * Waits until processors have handled everything up to a position, or all that a command brought about directly:
   * then their read models show it. A command without events needs no waiting. Processors on a persistent subscription have no
   * positions: they are left out, and refused by name.
   *
   * @throws {InvalidArgumentError} a processor of that name is not registered
   * @throws when the time is up, or a processor has failed
   */
  async waitFor(until: bigint | CommandResult, options: WaitOptions = {}): Promise<void> {
    const position = typeof until === 'bigint' ? until : until.position;
    const runners = this.#runnersNamed(options.processors);
    if (position === undefined) return;
    const { timeoutMs } = options;
    await Promise.all(runners.map((runner) => runner.waitFor(position, { timeoutMs })));
  }

  /**
   * The server's side of a processor on a persistent subscription: how its group is doing, what is parked, and having it delivered
   * again.
   *
   * @throws {InvalidArgumentError} a processor of that name is not registered, or follows the log
   */
  consumerGroup(processor: string): ConsumerGroup {
    const { source } = this.#runnersNamed([processor])[0]?.definition ?? {};
    if (source === undefined) {
      throw new InvalidArgumentError('processor', `names "${processor}", which follows the log by itself.`);
    }
    return new ConsumerGroup(this.#registry.backend, source);
  }

  /**
   * Calls back for events as they come, from now on: for what lives as long as a request or a test, and needs no checkpoint.
   * One event after the other, in the order of the log. A handler that throws is called again as `retry` says; after the last
   * try the subscription ends, `done` rejects, and the health shows it.
   *
   * @param match which events: a pattern of types, a class, or more conditions
   * @param handler as a method with `@On`
   * @returns when it has begun: events appended from then on arrive. It ends by `close()`, or with the application
   * @throws {NotRunningError} the application does not run
   * @throws {ConfigurationError} the match is not valid
   */
  subscribe<Data = unknown>(
    match: Match<Data>,
    handler: LiveHandler<Data>,
    options?: LiveSubscriptionOptions,
  ): Promise<LiveSubscription> {
    const { state } = this.#sequence;
    if (state !== 'running') {
      return Promise.reject(new NotRunningError(`The application is ${state}: start it before subscribing.`));
    }
    return this.#subscriptions.open(match, handler, options);
  }

  /**
   * Calls back when a processor, projection or saga has started, caught up, was paused, has failed, and so on. Nothing waits for the
   * listener; what it throws is reported as a problem and changes nothing.
   *
   * @returns ends it
   */
  onProcessorChange(listener: (change: ProcessorChange) => unknown): () => void {
    return this.#registry.watch.onChange(listener);
  }

  /**
   * Divides a processor, projection or saga into another number of segments, on all nodes, while they run: each node splits the
   * segments that it has, or merges those that belong together. The number is kept in the backend, and counts for more than what
   * definitions say. Settles when it is known there; `status().segments` of the processor shows how far the nodes are.
   *
   * @param segments a power of two from 1 to 65,536
   * @throws {InvalidArgumentError} another number, or a processor of that name is not registered, or on a persistent subscription
   * @throws {UnsupportedError} only this process can use the backend
   */
  async divide(processor: string, segments: number): Promise<void> {
    const definition = this.#runnersNamed([processor])[0]?.definition;
    if (definition?.source !== undefined) {
      throw new InvalidArgumentError(
        'processor',
        `names "${processor}", which is on a persistent subscription: the server shares its events out.`,
      );
    }
    await this.#cluster.divide(definition?.checkpoint?.() ?? processor, segments);
  }

  /**
   * The nodes that run this application now, this one among them while it does; the longest running first. Who is alive is
   * judged by the backend's clock: a node that died is off the list within 10 seconds. On a backend that only this process can
   * use, such as `memory()`, it is just itself.
   *
   * @throws {StoreUnavailableError} the backend is away, or not open
   */
  nodes(): Promise<readonly AnnouncedNode[]> {
    return this.#presence.list();
  }

  /** The circuit breakers of all handlers, as they are now. */
  breakers(): readonly BreakerStatus[] {
    return this.#guards.breakers();
  }

  /**
   * How well the application works, with the reasons if it does not, whether it is alive, and whether it should be sent work.
   * Asks nobody, so it can be called at any time and as often as one likes.
   */
  health(): ApplicationHealth {
    const { state } = this.#sequence;
    const backend: Health = this.#registry.backend.health?.() ?? { status: 'up', reasons: [] };
    return {
      ...this.#combinedHealth(state, backend),
      live: state !== 'stopped' || !this.#wasStarted,
      ready: state === 'running' && backend.status !== 'down',
    };
  }

  #combinedHealth(state: SequenceState, backend: Health): Health {
    return combineHealth([
      state === 'running'
        ? { status: 'up', reasons: [] }
        : { status: 'down', reasons: [`The application is ${state}.`] },
      backend,
      ...[...this.processors.values()].map((runner) => processorHealth(runner.status())),
      ...this.#registry.lifecycles.flatMap((lifecycle) => lifecycle.health?.() ?? []),
      ...this.#problems.list().map(
        ({ source, error }): Health => ({
          status: 'degraded',
          reasons: [`Failed: ${source}: ${messageOf(error)}`],
        }),
      ),
    ]);
  }

  /**
   * Loads an aggregate from the store, to look at: the state is the caller's own, and deciding on it does nothing.
   *
   * @param aggregate its class with `@Aggregate`, or its definition
   * @throws {ConfigurationError} the aggregate is not registered
   */
  load<State>(
    aggregate: AggregateDefinition<State, never, never>,
    id: string,
  ): Promise<LoadedAggregate<State>>;
  load<State extends object>(aggregate: Class<State>, id: string): Promise<LoadedAggregate<State>>;
  async load(aggregate: Class | Definition, id: string): Promise<LoadedAggregate<unknown>> {
    const definition = definitionsOf(aggregate).find(isAggregate);
    if (definition === undefined || !this.definitions.includes(definition)) {
      throw new ConfigurationError(
        `${aggregate.name} is not registered as an aggregate in this application: list it in "register".`,
      );
    }
    const { state, version } = await this.#loader.load(definition, id);
    return { state, version };
  }

  #steps(): readonly Step[] {
    const { backend, commands, lifecycles, schema } = this.#registry;
    return [
      { start: () => backend.open(), stop: () => backend.close() },
      {
        start: async () => {
          schema.seal();
          this.#registry.makeSingletons();
        },
        stop: async () => undefined,
      },
      ...lifecycles.map((lifecycle) => ({
        start: async (signal: AbortSignal) => lifecycle.prepare?.(signal),
        stop: async () => undefined,
      })),
      { start: async () => commands.open(), stop: () => commands.close() },
      ...lifecycles.map((lifecycle) => ({
        start: async () => lifecycle.start?.(),
        stop: async () => lifecycle.stop?.(),
      })),
      {
        start: () => startAll([...this.processors.values()]),
        stop: () => drainAll([...this.processors.values()]),
      },
      { start: async () => undefined, stop: () => this.#subscriptions.close() },
    ];
  }

  #runnersNamed(names: readonly string[] | undefined): readonly ProcessorRunner[] {
    if (names === undefined) {
      // One without positions cannot be waited for.
      return [...this.processors.values()].filter(({ definition }) => definition.source === undefined);
    }
    return names.map((name) => {
      const runner = this.processors.get(name);
      if (runner !== undefined) return runner;
      throw new InvalidArgumentError(
        'options.processors',
        `names "${name}", which is not registered; registered are: ${[...this.processors.keys()].join(', ') || 'none'}.`,
      );
    });
  }
}

const isAggregate = (definition: Definition): definition is AggregateDefinition =>
  definition.kind === 'aggregate';

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
