import { Container } from 'inversify';
import { Appender } from '../backend/appender.js';
import type { Backend } from '../backend/backend.js';
import { systemClock, type Clock } from '../clock.js';
import { Cluster } from '../cluster/cluster.js';
import { Locks } from '../cluster/locks.js';
import { CommandBus } from '../commands/command-bus.js';
import type { CommandMiddleware } from '../commands/command.js';
import { createCommandBus } from '../commands/create-command-bus.js';
import { ConfigurationError } from '../error.js';
import type { Class, Definition } from '../model/definition.js';
import { definitionsOf } from '../model/definitions-of.js';
import type { HandlerMiddleware } from '../model/middleware.js';
import { Problems, type Problem } from '../observation/problems.js';
import type { Route } from '../routing/route.js';
import { Routes } from '../routing/routes.js';
import { RoutingTable } from '../routing/routing-table.js';
import { UnroutedCounter } from '../routing/unrouted.js';
import { Schema } from '../schema/schema.js';
import { Application } from './application.js';
import { MessageServices, type MessageBindings } from './message-services.js';
import { NodePresence, type NodeOptions } from './node-presence.js';
import { ProcessorWatch } from './processor-watch.js';
import { Registry } from './registry.js';

/** What `createApp` puts an application together from. */
export interface AppOptions {
  /** What it runs on: `memory()`, `pglite({ folder })`, … The application opens and closes it. */
  readonly backend: Backend;
  /** Decorated classes and definitions. Messages that these mention need not be listed. */
  readonly register: readonly (Class | Definition)[];
  /** The user's own services. It is not changed: the application's bindings go into a child of it. Default: none. */
  readonly container?: Container | undefined;
  /** Binds services that live for one message, in a container of the message's own. Default: none. */
  readonly messageServices?: MessageBindings | undefined;
  /** Which events go to which processors, and as what; the first route that matches sends a processor the event. Default: none. */
  readonly routes?: readonly Route[] | undefined;
  /**
   * What is done with events that no route takes: they are counted (`app.routes.unrouted()`), which costs a subscription to the
   * whole log; or they also go to a processor that is routed; or nothing. Default: `count` if there are `routes`.
   */
  readonly unrouted?: 'count' | 'ignore' | { readonly to: string } | undefined;
  /** Default: the machine's time. */
  readonly clock?: Clock | undefined;
  /** What every command passes, the outermost first. Default: none. */
  readonly middleware?: readonly CommandMiddleware[] | undefined;
  /** What every call of a handler of a processor, projection or saga passes, the outermost first. Default: none. */
  readonly eventMiddleware?: readonly HandlerMiddleware[] | undefined;
  /** Most aggregates kept in memory between commands; 0 for none. Default: 1,000. */
  readonly cachedAggregates?: number | undefined;
  /** Most tries at one command when others keep writing to the same aggregate. Default: 10. */
  readonly commandAttempts?: number | undefined;
  /** Milliseconds that processors get at a stop to finish what they were delivered. Default: 10,000. */
  readonly drainMs?: number | undefined;
  /**
   * How long a node that has died or was cut off keeps its locks and its share of the work from others, in milliseconds. What it has
   * is renewed three times as often while it is there. From 100. Default: 10,000.
   */
  readonly leaseMs?: number | undefined;
  /** How this process presents itself to others that run the application: see {@link Application.nodes}. */
  readonly node?: NodeOptions | undefined;
  /** Told of what went wrong without failing anything, e.g. a snapshot that could not be saved. Health shows it too. */
  readonly onProblem?: ((problem: Problem) => void) | undefined;
}

/**
 * Puts an application together; nothing runs before its `start()`.
 *
 * @throws {DuplicateNameError} two definitions of one kind have the same name; both places are named
 * @throws {ConfigurationError} the definitions contradict each other, or an option is out of its range
 */
export const createApp = (options: AppOptions): Application => {
  const { backend, clock = systemClock } = options;
  const cachedAggregates = checkedCount('cachedAggregates', options.cachedAggregates ?? 1_000, 0);
  const attempts = checkedCount('commandAttempts', options.commandAttempts ?? 10, 1);
  const drainMs = checkedCount('drainMs', options.drainMs ?? 10_000, 0);
  const leaseMs = checkedCount('leaseMs', options.leaseMs ?? 10_000, 100);

  const container = new Container(options.container === undefined ? {} : { parent: options.container });
  const messageServices = new MessageServices(container, options.messageServices);
  const schema = new Schema();
  const problems = new Problems(clock, options.onProblem);
  const appends = new Appender(backend);
  const { commands, loader } = createCommandBus({
    backend,
    appends,
    schema,
    problems,
    services: (context) => messageServices.scope(context),
    cachedAggregates,
    attempts,
  });
  for (const middleware of options.middleware ?? []) commands.use(middleware);

  const { unrouted = options.routes === undefined ? 'ignore' : 'count' } = options;
  const table = new RoutingTable({
    schema,
    catchAll: typeof unrouted === 'object' ? unrouted.to : undefined,
    unknownTarget: ({ name, definedAt }, processor) =>
      problems.report(
        `route "${name}" (${definedAt})`,
        new ConfigurationError(
          `its "to" named processor "${processor}", which is not registered, not routed or not in "among".`,
        ),
      ),
  });
  const presence = new NodePresence(backend, clock, options.node ?? {}, leaseMs);
  const cluster = new Cluster({ backend, clock, problems, presence, leaseMs });
  const registry = new Registry({
    backend,
    appends,
    schema,
    container,
    commands,
    clock,
    services: messageServices,
    table,
    cluster,
    watch: new ProcessorWatch(messageServices, problems),
    middleware: options.eventMiddleware ?? [],
    drainMs,
  });
  // The first to start and the last to stop.
  registry.addLifecycle(presence);
  registry.addLifecycle(cluster.locks);
  const routes = new Routes({
    table,
    store: backend.events,
    clock,
    problems,
    counter:
      unrouted === 'ignore'
        ? undefined
        : new UnroutedCounter({ store: backend.events, schema, clock, problems, table }),
  });
  registry.addLifecycle(routes);
  const application = new Application({
    registry,
    loader,
    problems,
    presence,
    cluster,
    routes,
    clock,
    services: (context) => messageServices.scope(context),
  });
  container.bind(Locks).toConstantValue(cluster.locks);
  container.bind(Appender).toConstantValue(appends);
  container.bind(CommandBus).toConstantValue(commands);
  container.bind(Routes).toConstantValue(routes);
  container.bind(Application).toConstantValue(application);
  for (const listed of options.register)
    for (const definition of definitionsOf(listed)) registry.register(definition);
  for (const route of options.routes ?? []) {
    for (const message of route.match.messages) registry.register(message);
    table.add(route, undefined);
  }
  table.checkTargets();
  schema.seal();
  return application;
};

const checkedCount = (option: string, value: number, least: number): number => {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new ConfigurationError(`createApp: "${option}" is ${value}; it must be an integer from ${least}.`);
};
