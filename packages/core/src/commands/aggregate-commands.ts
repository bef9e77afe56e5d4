import type { AggregateCache } from '../aggregates/aggregate-cache.js';
import type { AggregateLoader } from '../aggregates/aggregate-loader.js';
import { eventsOf } from '../aggregates/decision.js';
import type { LiveAggregate } from '../aggregates/live-aggregate.js';
import { Turns } from '../aggregates/turns.js';
import type { Appends } from '../backend/appender.js';
import { ConcurrencyError, InvalidArgumentError } from '../log/errors.js';
import type { AppendResult, EventStore } from '../log/event-store.js';
import type { MessageContext, ServiceScope } from '../messages/context.js';
import type { NewEvent, RecordedEvent } from '../messages/event.js';
import { deterministicId } from '../messages/ids.js';
import { streamOf, type AggregateDefinition } from '../model/aggregate-definition.js';
import type { Problems } from '../observation/problems.js';
import type { Schema } from '../schema/schema.js';
import type { CommandEnvelope, CommandResult } from './command.js';
import { backOff } from './conflict-backoff.js';
import { DecisionContext } from './decision-context.js';

export interface AggregateCommandsEnvironment {
  readonly events: EventStore;
  /** Where decided events are appended. */
  readonly appends: Appends;
  readonly schema: Schema;
  readonly loader: AggregateLoader;
  readonly cache: AggregateCache;
  readonly problems: Problems;
  /** Dependencies in the scope of one message. */
  readonly services: (context: () => MessageContext) => ServiceScope;
  /** Most tries at one command when others keep writing to the same stream. */
  readonly attempts: number;
}

/** A command with the aggregate that it is for. */
interface Task {
  readonly definition: AggregateDefinition;
  readonly id: string;
  readonly stream: string;
  readonly envelope: CommandEnvelope;
  /** True when the sender chose the id: only then can the command come again. */
  readonly repeatable: boolean;
}

/** What a decision came to. */
type Decided =
  | { readonly outcome: 'events'; readonly events: readonly NewEvent[] }
  | { readonly outcome: 'nothing' }
  | { readonly outcome: 'failed'; readonly error: unknown };

/**
 * Has aggregates decide on commands: load, decide, append at exactly the version decided on; on a conflict, catch up
 * and decide again.
 *
 * The cache cannot make a decision stale. A decision with events is proven by its append, which fails if the state was
 * behind. One without events, or that failed, proves nothing: if the state was a cached one, the store is asked first,
 * and if there is anything new, it is decided again.
 */
export class AggregateCommands {
  readonly #environment: AggregateCommandsEnvironment;
  readonly #turns = new Turns();

  constructor(environment: AggregateCommandsEnvironment) {
    this.#environment = environment;
  }

  /**
   * @param repeatable whether the sender chose the command's id
   * @throws {ConcurrencyError} others kept writing for all of the attempts
   */
  async handle(
    definition: AggregateDefinition,
    envelope: CommandEnvelope,
    repeatable: boolean,
  ): Promise<CommandResult> {
    const id: unknown = definition.targetOf(envelope.command);
    if (typeof id !== 'string' || id === '') {
      throw new InvalidArgumentError(
        `The id of aggregate "${definition.name}"`,
        `in command "${envelope.type}" must be a non-empty string.`,
      );
    }
    const stream = streamOf(definition.name, id);
    return this.#turns.take(stream, () => this.#handle({ definition, id, stream, envelope, repeatable }));
  }

  async #handle(task: Task): Promise<CommandResult> {
    const { cache, loader, attempts } = this.#environment;
    const { definition, id, stream, envelope } = task;
    // Taken out for the time of the work: what throws below leaves no state behind that may be half-way.
    const cached = cache.take(stream);
    let aggregate = cached ?? (await loader.load(definition, id));
    let conflicts = 0;
    for (;;) {
      envelope.signal.throwIfAborted();
      const earlier = await this.#earlierAnswer(task, aggregate, conflicts > 0);
      if (earlier !== undefined) {
        cache.put(aggregate);
        return earlier;
      }

      const decided = await this.#decide(task, aggregate);
      if (decided.outcome === 'failed') {
        if (aggregate !== cached) throw decided.error;
        // The handler may have changed the state before it threw, so the whole of it is made anew.
        const fresh = await loader.load(definition, id);
        if (fresh.lastEventId === aggregate.lastEventId) {
          cache.put(fresh);
          throw decided.error;
        }
        aggregate = fresh;
        continue;
      }
      if (decided.outcome === 'nothing') {
        const current = aggregate !== cached || (await loader.refresh(aggregate)) === 'current';
        if (current) {
          cache.put(aggregate);
          return nothingAppended(task, aggregate);
        }
        aggregate = await loader.load(definition, id);
        continue;
      }

      try {
        const appended = await this.#environment.appends.append(stream, decided.events, {
          expectedVersion: aggregate.version,
        });
        return await this.#appended(task, aggregate, appended, decided.events.length);
      } catch (error) {
        if (!(error instanceof ConcurrencyError) || ++conflicts >= attempts) throw error;
      }
      await backOff(conflicts, envelope.signal);
      // Nothing new to be read, and yet a conflict: the state is not what the store has. Make it anew.
      if ((await loader.refresh(aggregate)) !== 'advanced') aggregate = await loader.load(definition, id);
    }
  }

  async #decide(task: Task, aggregate: LiveAggregate): Promise<Decided> {
    const { schema, services } = this.#environment;
    const { envelope } = task;
    const context: DecisionContext = new DecisionContext({
      commandId: envelope.id,
      aggregateId: task.id,
      stream: task.stream,
      version: aggregate.version,
      metadata: envelope.metadata,
      signal: envelope.signal,
      services: services(() => context),
    });
    try {
      const events = await context.run(() =>
        eventsOf(task.definition.decide(envelope.command, aggregate.state, context), task.definition.name),
      );
      if (events.length === 0) return { outcome: 'nothing' };
      const metadata = context.outgoing();
      return {
        outcome: 'events',
        events: events.map((event, index) =>
          schema.toEvent(event, metadata, task.repeatable ? eventId(task, index) : undefined),
        ),
      };
    } catch (error) {
      return { outcome: 'failed', error };
    }
  }

  async #appended(
    task: Task,
    aggregate: LiveAggregate,
    { version, position, alreadyAppended, recorded }: AppendResult,
    count: number,
  ): Promise<CommandResult> {
    const { cache, loader, problems, schema } = this.#environment;
    if (alreadyAppended) {
      // Another process was faster with the same command. What it recorded counts, not what was decided here.
      const earlier = await this.#recall(task);
      if (earlier !== undefined) return earlier;
    }
    const stored = recorded?.() ?? (await this.#readBack(task.stream, aggregate.version + 1, version));
    const events = schema.read(stored);
    if (stored.length === count) {
      // What is folded in is what the store gives back, not what the handler made: the same as after a reload.
      const source = `applying events of aggregate "${task.definition.name}"`;
      try {
        // A copy of its own: neither can the caller change the state through the events, nor the state the caller's events.
        aggregate.apply(recorded?.() ?? structuredClone(stored));
        problems.resolve(source);
        await loader.saveSnapshotIfDue(aggregate);
        cache.put(aggregate);
      } catch (error) {
        // The events are recorded, so the command has succeeded; the next one will load, and fail, openly.
        problems.report(source, error);
      }
    }
    return {
      commandId: task.envelope.id,
      stream: task.stream,
      version,
      position,
      events,
      alreadyHandled: false,
    };
  }

  async #readBack(stream: string, from: number, to: number): Promise<readonly RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for await (const batch of this.#environment.events.readStream(stream, { from, to }))
      events.push(...batch);
    return events;
  }

  /** The answer of the first time, if the command was handled before. */
  async #earlierAnswer(
    task: Task,
    aggregate: LiveAggregate,
    afterConflict: boolean,
  ): Promise<CommandResult | undefined> {
    if (!task.repeatable) return undefined;
    const { ids } = aggregate;
    const surelyNew = ids.complete && !afterConflict && !ids.has(eventId(task, 0));
    return surelyNew ? undefined : this.#recall(task);
  }

  /** Finds the command's events by their ids, also where they were truncated or deleted since. */
  async #recall(task: Task): Promise<CommandResult | undefined> {
    const { events, schema } = this.#environment;
    const found: RecordedEvent[] = [];
    for (;;) {
      const event = await events.findEvent(task.stream, eventId(task, found.length));
      if (event === undefined) break;
      found.push(event);
    }
    const last = found.at(-1);
    if (last === undefined) return undefined;
    return {
      commandId: task.envelope.id,
      stream: task.stream,
      version: last.version,
      position: last.position,
      events: schema.read(found),
      alreadyHandled: true,
    };
  }
}

/** Ids of a repeatable command's events: the same each time, so that the store recognises them too. */
const eventId = ({ envelope, stream }: Task, index: number): string =>
  deterministicId(envelope.id, `${stream}#${index}`);

const nothingAppended = ({ envelope, stream }: Task, { version }: LiveAggregate): CommandResult => ({
  commandId: envelope.id,
  stream,
  version: version === -1 ? undefined : version,
  events: [],
  alreadyHandled: false,
});
