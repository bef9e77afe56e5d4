import {
  type Class,
  type Composition,
  ConfigurationError,
  type Definition,
  definitionsOf,
  type Lifecycle,
  type ProcessorStatus,
  type QueryResult,
} from '@tidemark/core';
import type { DocumentProjectionDefinition, ProjectionDefinition, ProjectionMode } from './definition.js';
import { checkStorable } from './check-storable.js';
import type { DocumentOf } from './documents/document-of.js';
import type { FieldPath } from './documents/field-path.js';
import { type Entry, type Feed, healthOf, reached, type RunningRebuild, within } from './entries.js';
import { RebuildInProgressError, UnknownProjectionError } from './errors.js';
import { Following } from './generations/following.js';
import { Generations } from './generations/generations.js';
import type { RebuildProgress } from './generations/progress.js';
import { rebuild, type RebuildOptions, type RebuildResult } from './generations/rebuild.js';
import { ensureSwitchRows, type Generation, generationName } from './generations/switch-row.js';
import { Upgrade } from './generations/upgrade.js';
import { buildInline } from './inline/build-inline.js';
import { InlineAppends } from './inline/inline-appends.js';
import { LiveReadModel } from './live/live-read-model.js';
import { ReadModel } from './read-model.js';

/** A projection as the methods of {@link Projections} take it: its class, its definition, or its name. */
export type ProjectionReference = Class | ProjectionDefinition | string;

/** Which projections to wait for, and how long. */
export interface ProjectionWaitOptions {
  /** Which projections to wait for. Default: all. */
  readonly projections?: readonly ProjectionReference[] | undefined;
  /** Most milliseconds to wait. Default: 10,000. */
  readonly timeoutMs?: number | undefined;
}

/** How a projection is doing. */
export interface ProjectionStatus {
  readonly name: string;
  readonly mode: Exclude<ProjectionMode, 'live'>;
  /** The generation that answers queries, and the version that built it. */
  readonly active: Generation;
  /** The generation being built, or whose rebuild was interrupted. */
  readonly building: Generation | undefined;
  /** The state of the runner that feeds it: position, whether it has caught up, a failure. An inline projection has none. */
  readonly processor: ProcessorStatus | undefined;
  /** How far the rebuild under way is. */
  readonly rebuild: RebuildProgress | undefined;
}

/** The projections of an application: their read models, and what is done with them. Get it by `app.get(Projections)`. */
export class Projections {
  readonly #composition: Composition;
  readonly #entries = new Map<string, Entry>();
  readonly #live = new Map<string, DocumentProjectionDefinition>();
  #inline: InlineAppends | undefined;

  constructor(composition: Composition) {
    this.#composition = composition;
  }

  /**
   * Adds a projection; its definition does that when it is registered.
   *
   * @throws {ConfigurationError} the backend lacks what it needs, or another projection has its name or a table of its
   */
  add(definition: ProjectionDefinition): void {
    checkStorable(definition, this.#composition, this.#entries.values());
    const { mode = 'async', name } = definition;
    if (mode === 'live') return this.#addLive(definition);
    const generations = new Generations(definition, this.#composition);
    this.#entries.set(name, {
      generations,
      feed: mode === 'inline' ? this.#joinAppends(generations) : this.#follow(generations),
      rebuild: undefined,
    });
  }

  /**
   * The read model of a document projection.
   *
   * @param target its definition, or its class: the type of the documents is that of its handlers' second parameter
   * @throws {UnknownProjectionError} it is not registered
   * @throws {ConfigurationError} it is a table projection: read its tables by {@link query}
   */
  of<Document extends object, Field extends string>(
    target: DocumentProjectionDefinition<Document, Field>,
  ): ReadModel<Document, Field>;
  of<Projection extends object>(
    target: Class<Projection>,
  ): ReadModel<DocumentOf<Projection>, FieldPath<DocumentOf<Projection>>>;
  of(target: Class | DocumentProjectionDefinition): ReadModel {
    const { generations } = this.#entry(target);
    const { name, model } = generations.definition;
    if (model === 'tables') {
      throw new ConfigurationError(
        `Projection "${name}" writes tables, not documents: read them by projections.query('SELECT …').`,
      );
    }
    const { documents } = this.#composition.backend;
    return new ReadModel((read) =>
      generations.read((generation) => read(documents, generationName(name, generation))),
    );
  }

  /**
   * A document projection of any mode, folded from the events when it is asked: nothing is stored, and the past can be asked too.
   *
   * @throws {UnknownProjectionError} it is not registered
   * @throws {ConfigurationError} it is a table projection
   */
  live<Document extends object, Field extends string>(
    target: DocumentProjectionDefinition<Document, Field>,
  ): LiveReadModel<Document>;
  live<Projection extends object>(target: Class<Projection>): LiveReadModel<DocumentOf<Projection>>;
  live(target: Class | DocumentProjectionDefinition): LiveReadModel {
    const { name } = projectionIn(target);
    const definition = this.#live.get(name) ?? this.#entry(target).generations.definition;
    if (definition.model === 'tables') {
      throw new ConfigurationError(
        `Projection "${name}" writes tables, and only documents can be folded live. Make it a document projection.`,
      );
    }
    const { backend, container, schema } = this.#composition;
    return new LiveReadModel(definition, {
      events: backend.events,
      schema,
      services: { get: (service) => container.get(service) },
    });
  }

  /**
   * Reads tables by SQL, in a transaction of its own. Name them as they were declared: those are views of the active
   * generations.
   *
   * @throws {UnsupportedError} the backend has no SQL
   */
  query<Row = Record<string, unknown>>(
    sql: string,
    parameters?: readonly unknown[],
  ): Promise<QueryResult<Row>> {
    return this.#composition.backend.transaction((tx) => tx.query<Row>(sql, parameters));
  }

  /**
   * Waits until read models show everything up to a position, or all that a command brought about. A projection whose
   * version was raised shows it once its new generation has become the active one. Inline and live projections show it at once.
   *
   * @throws {ProjectionTimeoutError} the time is up
   * @throws {UnknownProjectionError} one is not registered
   */
  async waitFor(
    until: bigint | { readonly position?: bigint | undefined },
    { projections, timeoutMs = 10_000 }: ProjectionWaitOptions = {},
  ): Promise<void> {
    const position = typeof until === 'bigint' ? until : until.position;
    const entries =
      projections === undefined ? [...this.#entries.values()] : projections.map((it) => this.#entry(it));
    if (position === undefined) return;
    await Promise.all(
      entries.map(async ({ generations, feed }) => {
        if (feed === undefined) return;
        const { clock } = this.#composition;
        const deadline = clock.now().getTime() + timeoutMs;
        const left = (): number => Math.max(0, deadline - clock.now().getTime());
        await reached(feed, position, left);
        if (feed.upgrade !== undefined) {
          await within(clock, left(), feed.upgrade.done, generations.definition.name);
        }
      }),
    );
  }

  /**
   * Builds a read model anew from the log, beside the one there is, and switches to it when it has caught up; until
   * then, queries answer from the old one. A rebuild that was stopped or killed goes on where it was.
   *
   * @returns when the new generation is active and the old one is dropped
   * @throws {RebuildInProgressError} it is being rebuilt already, or being built for a raised version
   * @throws {RebuildStoppedError} it was stopped by its signal, or with the application; call again to go on
   * @throws {ProjectionHandlerError} a handler failed; the old read model goes on
   */
  async rebuild(target: ProjectionReference, options: RebuildOptions = {}): Promise<RebuildResult> {
    const entry = this.#entry(target);
    const { generations } = entry;
    if (entry.rebuild === undefined) await generations.refresh();
    if (entry.rebuild !== undefined || generations.isUpgrading) {
      throw new RebuildInProgressError(generations.definition.name);
    }
    return this.#rebuild(entry, options);
  }

  async #rebuild(entry: Entry, options: RebuildOptions): Promise<RebuildResult> {
    const controller = new AbortController();
    const stop = (): void => controller.abort(options.signal?.reason);
    options.signal?.addEventListener('abort', stop, { once: true });
    if (options.signal?.aborted === true) stop();
    const onProgress = (progress: RebuildProgress): void => {
      running.progress = progress;
      options.onProgress?.(progress);
    };
    const done = rebuild(
      entry.generations,
      entry.feed?.runner,
      this.#composition,
      { ...options, onProgress },
      controller.signal,
    );
    const running: RunningRebuild = { controller, done, progress: undefined };
    entry.rebuild = running;
    try {
      return await done;
    } finally {
      entry.rebuild = undefined;
      options.signal?.removeEventListener('abort', stop);
    }
  }

  /** @throws {UnknownProjectionError} it is not registered */
  status(target: ProjectionReference): ProjectionStatus {
    const { generations, feed, rebuild: running } = this.#entry(target);
    const { active, building } = generations.row;
    return {
      name: generations.definition.name,
      mode: feed === undefined ? 'inline' : 'async',
      active,
      building: building ?? undefined,
      processor: feed?.runner.status(),
      rebuild: running?.progress,
    };
  }

  /** How all projections that are stored are doing. */
  list(): readonly ProjectionStatus[] {
    return [...this.#entries.keys()].map((name) => this.status(name));
  }

  /** What the application calls when it starts and stops. */
  get lifecycle(): Lifecycle {
    return {
      prepare: (signal) => this.#prepare(signal),
      start: () => this.#start(),
      stop: () => this.#stop(),
      health: () => healthOf(this.#entries.values()),
    };
  }

  /** Before commands are taken: from then on, every append must find the inline projections complete. */
  async #prepare(signal: AbortSignal): Promise<void> {
    await ensureSwitchRows(this.#composition.backend);
    for (const entry of this.#entries.values()) {
      if (entry.feed !== undefined) continue;
      await buildInline(entry.generations, () => this.#rebuild(entry, { signal }), signal);
    }
  }

  async #start(): Promise<void> {
    for (const { generations, feed } of this.#entries.values()) {
      if (feed === undefined) continue;
      await generations.prepare();
      feed.upgrade = new Upgrade(generations, feed.runner, this.#composition.clock);
      feed.upgrade.start();
      feed.following.start();
    }
  }

  async #stop(): Promise<void> {
    const stopped = new Error('The application stops.');
    for (const { feed, rebuild: running } of this.#entries.values()) {
      running?.controller.abort(stopped);
      // Its caller is told how it ended.
      await running?.done.catch(() => undefined);
      await feed?.upgrade?.stop();
      await feed?.following.stop();
      // A switch may just have started it again.
      await feed?.runner.stop();
    }
  }

  #entry(target: ProjectionReference): Entry {
    const name = typeof target === 'string' ? target : projectionIn(target).name;
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    if (this.#live.has(name)) {
      throw new ConfigurationError(
        `Projection "${name}" is live: nothing of it is stored. Ask it by projections.live(…).get(key).`,
      );
    }
    throw new UnknownProjectionError(name, [...this.#entries.keys(), ...this.#live.keys()]);
  }

  #addLive(definition: ProjectionDefinition): void {
    if (definition.model === 'tables') {
      throw new ConfigurationError(
        `Projection "${definition.name}" (${definition.definedAt}) writes tables, and only documents can be live. Make it a ` +
          'document projection, or give it another mode.',
      );
    }
    this.#composition.bindHandler(definition.handler);
    for (const message of definition.messages) this.#composition.register(message);
    this.#live.set(definition.name, definition);
  }

  #joinAppends(generations: Generations): undefined {
    const { definition } = generations;
    this.#composition.bindHandler(definition.handler);
    for (const message of definition.messages) this.#composition.register(message);
    if (this.#inline === undefined) {
      const inline = new InlineAppends(definition.name, this.#composition);
      this.#composition.appends.add(inline);
      this.#inline = inline;
    }
    this.#inline.add(generations);
  }

  #follow(generations: Generations): Feed {
    const { name } = generations.definition;
    const runner = this.#composition.addProcessor({
      ...generations.processor(name, () => generations.live),
      checkpoint: () => generationName(name, generations.live.number),
    });
    return { runner, following: new Following(generations, runner), upgrade: undefined };
  }
}

/** The projection that a class or definition describes. */
const projectionIn = (target: Class | Definition): Definition => {
  const definition = definitionsOf(target).find(({ kind }) => kind === 'projection');
  if (definition !== undefined) return definition;
  throw new ConfigurationError(`${target.name} is no projection: add @Projection({ name: '…' }) to it.`);
};
