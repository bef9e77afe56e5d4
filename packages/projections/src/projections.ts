import {
  type Class,
  type Clock,
  type Composition,
  ConfigurationError,
  type Definition,
  definitionsOf,
  type Health,
  type Lifecycle,
  type ProcessorStatus,
  type QueryResult,
} from '@tidemark/core';
import type { DocumentProjectionDefinition, ProjectionDefinition } from './definition.js';
import type { DocumentOf } from './documents/document-of.js';
import type { FieldPath } from './documents/field-path.js';
import { ProjectionTimeoutError, RebuildInProgressError, UnknownProjectionError } from './errors.js';
import { LiveProjection } from './generations/live-projection.js';
import type { RebuildProgress } from './generations/progress.js';
import { rebuild, type RebuildOptions, type RebuildResult } from './generations/rebuild.js';
import { ensureSwitchRows, type Generation, generationName } from './generations/switch-row.js';
import { Upgrade } from './generations/upgrade.js';
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
  /** The generation that answers queries, and the version that built it. */
  readonly active: Generation;
  /** The generation being built, or whose rebuild was interrupted. */
  readonly building: Generation | undefined;
  /** The state of the runner that feeds it: position, whether it has caught up, a failure. */
  readonly processor: ProcessorStatus;
  /** How far the rebuild under way is. */
  readonly rebuild: RebuildProgress | undefined;
}

interface Entry {
  readonly projection: LiveProjection;
  upgrade: Upgrade | undefined;
  rebuild: RunningRebuild | undefined;
}

interface RunningRebuild {
  readonly controller: AbortController;
  readonly done: Promise<unknown>;
  progress: RebuildProgress | undefined;
}

/** The projections of an application: their read models, and what is done with them. Get it by `app.get(Projections)`. */
export class Projections {
  readonly #composition: Composition;
  readonly #entries = new Map<string, Entry>();

  constructor(composition: Composition) {
    this.#composition = composition;
  }

  /** Adds a projection; its definition does that when it is registered. */
  add(definition: ProjectionDefinition): void {
    this.#check(definition);
    this.#entries.set(definition.name, {
      projection: new LiveProjection(definition, this.#composition),
      upgrade: undefined,
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
    const { projection } = this.#entry(target);
    const { name, model } = projection.definition;
    if (model === 'tables') {
      throw new ConfigurationError(
        `Projection "${name}" writes tables, not documents: read them by projections.query('SELECT …').`,
      );
    }
    const { documents } = this.#composition.backend;
    return new ReadModel((read) => {
      const active = projection.row.active.number;
      return projection.readers.read(active, () => read(documents, generationName(name, active)));
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
   * version was raised shows it once its new generation has become the active one.
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
      entries.map(async ({ projection, upgrade }) => {
        const { clock } = this.#composition;
        const began = clock.now().getTime();
        await projection.runner.waitFor(position, { timeoutMs });
        if (upgrade === undefined) return;
        const left = Math.max(0, timeoutMs - (clock.now().getTime() - began));
        await within(clock, left, upgrade.done, projection.definition.name);
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
    const { projection } = entry;
    if (entry.rebuild !== undefined || projection.isUpgrading) {
      throw new RebuildInProgressError(projection.definition.name);
    }
    const controller = new AbortController();
    const stop = (): void => controller.abort(options.signal?.reason);
    options.signal?.addEventListener('abort', stop, { once: true });
    if (options.signal?.aborted === true) stop();
    const onProgress = (progress: RebuildProgress): void => {
      running.progress = progress;
      options.onProgress?.(progress);
    };
    const done = rebuild(projection, this.#composition, { ...options, onProgress }, controller.signal);
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
    const { projection, rebuild: running } = this.#entry(target);
    const { active, building } = projection.row;
    return {
      name: projection.definition.name,
      active,
      building: building ?? undefined,
      processor: projection.runner.status(),
      rebuild: running?.progress,
    };
  }

  /** How all projections are doing. */
  list(): readonly ProjectionStatus[] {
    return [...this.#entries.keys()].map((name) => this.status(name));
  }

  /** What the application calls when it starts and stops. */
  get lifecycle(): Lifecycle {
    return {
      start: () => this.#start(),
      stop: () => this.#stop(),
      health: () => this.#health(),
    };
  }

  async #start(): Promise<void> {
    const { backend, clock } = this.#composition;
    await ensureSwitchRows(backend);
    for (const entry of this.#entries.values()) {
      await entry.projection.prepare();
      entry.upgrade = new Upgrade(entry.projection, clock);
      entry.upgrade.start();
    }
  }

  async #stop(): Promise<void> {
    const stopped = new Error('The application stops.');
    for (const { upgrade, rebuild: running, projection } of this.#entries.values()) {
      running?.controller.abort(stopped);
      // Its caller is told how it ended.
      await running?.done.catch(() => undefined);
      await upgrade?.stop();
      // A switch may just have started it again.
      await projection.runner.stop();
    }
  }

  #health(): Health {
    const reasons: string[] = [];
    for (const { projection, upgrade } of this.#entries.values()) {
      const subject = `projection "${projection.definition.name}"`;
      if (upgrade?.failure !== undefined) {
        reasons.push(
          `The new version of ${subject} is built but could not be switched to: ${messageOf(upgrade.failure)}`,
        );
      }
      if (projection.leftovers !== undefined) {
        reasons.push(
          `Old generations of ${subject} could not be dropped: ${messageOf(projection.leftovers)}`,
        );
      }
    }
    return { status: reasons.length === 0 ? 'up' : 'degraded', reasons };
  }

  #entry(target: ProjectionReference): Entry {
    const name = typeof target === 'string' ? target : projectionIn(target).name;
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new UnknownProjectionError(name, [...this.#entries.keys()]);
    return entry;
  }

  #check(definition: ProjectionDefinition): void {
    if (definition.model !== 'tables') return;
    const { backend } = this.#composition;
    if (!backend.sql) {
      throw new ConfigurationError(
        `Projection "${definition.name}" (${definition.definedAt}) writes SQL tables, but the backend "${backend.name}" has no ` +
          'SQL. Make it a document projection, or run on PGlite or PostgreSQL.',
      );
    }
    for (const { projection } of this.#entries.values()) {
      const other = projection.definition;
      const shared =
        other.model === 'tables'
          ? other.tables.find((table) => definition.tables.includes(table))
          : undefined;
      if (shared === undefined) continue;
      throw new ConfigurationError(
        `Projections "${other.name}" (${other.definedAt}) and "${definition.name}" (${definition.definedAt}) both have a ` +
          `table "${shared}". Rename one.`,
      );
    }
  }
}

/** The projection that a class or definition describes. */
const projectionIn = (target: Class | Definition): Definition => {
  const definition = definitionsOf(target).find(({ kind }) => kind === 'projection');
  if (definition !== undefined) return definition;
  throw new ConfigurationError(`${target.name} is no projection: add @Projection({ name: '…' }) to it.`);
};

const within = async (
  clock: Clock,
  timeoutMs: number,
  done: Promise<void>,
  projection: string,
): Promise<void> => {
  await new Promise<void>((resolve, reject) => {
    const cancel = clock.after(timeoutMs, () => reject(new ProjectionTimeoutError(projection)));
    const settle = async (): Promise<void> => {
      await done;
      cancel();
      resolve();
    };
    void settle();
  });
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
