import { AggregateCache } from '../aggregates/aggregate-cache.js';
import { AggregateLoader } from '../aggregates/aggregate-loader.js';
import type { Appends } from '../backend/appender.js';
import type { Backend } from '../backend/backend.js';
import type { MessageContext, ServiceScope } from '../messages/context.js';
import type { Problems } from '../observation/problems.js';
import type { Schema } from '../schema/schema.js';
import { AggregateCommands } from './aggregate-commands.js';
import { CommandBus } from './command-bus.js';

export interface CommandBusParts {
  readonly backend: Backend;
  readonly appends: Appends;
  readonly schema: Schema;
  readonly problems: Problems;
  /** Dependencies in the scope of one message; the context is asked for when something is resolved. */
  readonly services: (context: () => MessageContext) => ServiceScope;
  /** Most aggregates kept in memory between commands; 0 for none. */
  readonly cachedAggregates: number;
  /** Most tries at one command when others keep writing to the same aggregate. */
  readonly attempts: number;
}

/** A command bus on a backend, closed at first, and what loads its aggregates. */
export const createCommandBus = (
  parts: CommandBusParts,
): { readonly commands: CommandBus; readonly loader: AggregateLoader } => {
  const { backend, appends, schema, problems, services, cachedAggregates, attempts } = parts;
  const loader = new AggregateLoader({
    events: backend.events,
    snapshots: backend.snapshots,
    schema,
    problems,
  });
  const cache = new AggregateCache(cachedAggregates);
  const aggregates = new AggregateCommands({
    events: backend.events,
    appends,
    schema,
    loader,
    cache,
    problems,
    services,
    attempts,
  });
  return { commands: new CommandBus({ schema, aggregates, services }), loader };
};
