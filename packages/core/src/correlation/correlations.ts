import type { Lifecycle } from '../app/composition.js';
import type { Backend } from '../backend/backend.js';
import { ConfigurationError } from '../error.js';
import { milliseconds } from '../duration.js';
import type { CorrelationDefinition } from './definition.js';
import { streamPrefix } from './emission.js';
import { collectionOf, readProgress } from './storage.js';
import { tickStream } from './ticks.js';

/** How a correlation is doing, as of its last batch. */
export interface CorrelationStatus {
  readonly name: string;
  /** Events from before it are late; `undefined` before the first event. */
  readonly watermark: Date | undefined;
  /** Keys with something open: how much it holds. */
  readonly openKeys: number;
  /** When the next thing ends by itself, at the earliest; `undefined` if nothing does. */
  readonly nextDue: Date | undefined;
  /** Events taken in. */
  readonly taken: number;
  /** Of them, those that came too late for all that they could have been part of. */
  readonly late: number;
  /** What was left out because a limit was exceeded. */
  readonly dropped: number;
  /** Windows closed and matches found. */
  readonly completed: number;
  /** Events derived. */
  readonly emitted: number;
}

/** The correlations of an application, to look at: `app.get(Correlations)`. */
export class Correlations implements Lifecycle {
  readonly #backend: Backend;
  readonly #definitions = new Map<string, CorrelationDefinition>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /**
   * Adds a correlation; done by its installation.
   *
   * @throws {ConfigurationError} its streams could be those of another
   */
  add(definition: CorrelationDefinition): void {
    for (const other of this.#definitions.values()) {
      const [shorter, longer] =
        other.name.length < definition.name.length ? [other, definition] : [definition, other];
      if (!longer.name.startsWith(`${shorter.name}-`)) continue;
      throw new ConfigurationError(
        `Correlations "${shorter.name}" (${shorter.definedAt}) and "${longer.name}" (${longer.definedAt}) could append to each ` +
          `other's streams: "${streamPrefix(longer.name)}x" may be of either. Rename one.`,
      );
    }
    this.#definitions.set(definition.name, definition);
  }

  async start(): Promise<void> {
    for (const { name } of this.#definitions.values()) {
      await this.#backend.documents.ensure({ name: collectionOf(name), indexes: ['due'] });
      // Old ticks are of no use to anybody: a store that cleans up may do away with them.
      const ticks = tickStream(name);
      const { maxCount } = await this.#backend.events.getStreamMetadata(ticks);
      if (maxCount === undefined) await this.#backend.events.setStreamMetadata(ticks, { maxCount: 1 });
    }
  }

  /** Names of all correlations. */
  get names(): readonly string[] {
    return [...this.#definitions.keys()];
  }

  /**
   * How a correlation is doing.
   *
   * @throws {ConfigurationError} none of that name is registered
   */
  async status(name: string): Promise<CorrelationStatus> {
    const definition = this.#definitions.get(name);
    if (definition === undefined) {
      throw new ConfigurationError(
        `No correlation "${name}" is registered; registered are: ${this.names.join(', ') || 'none'}.`,
      );
    }
    const progress = await readProgress(this.#backend.documents, name);
    const lateness = milliseconds(definition.options.lateness ?? 0, 'lateness');
    return {
      name,
      watermark: progress?.latest === undefined ? undefined : new Date(progress.latest - lateness),
      openKeys: progress?.keys ?? 0,
      nextDue: progress?.nextDue === undefined ? undefined : new Date(progress.nextDue),
      taken: progress?.taken ?? 0,
      late: progress?.late ?? 0,
      dropped: progress?.dropped ?? 0,
      completed: progress?.completed ?? 0,
      emitted: progress?.emitted ?? 0,
    };
  }
}
