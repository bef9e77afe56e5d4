import {
  type EventFilter,
  type EventStore,
  InvalidArgumentError,
  jsonCodec,
  type RecordedEvent,
  type Schema,
  type ServiceScope,
} from '@tidemark/core';
import type { DocumentProjectionDefinition } from '../definition.js';
import { DocumentFold, roundTripOf } from '../documents/document-fold.js';
import { LiveLimitError } from '../errors.js';

/** As of when a live query answers. */
export interface AsOf {
  /** The last position of the log that counts. */
  readonly position?: bigint | undefined;
  /** The last version that counts, where the events are those of one stream. */
  readonly version?: number | undefined;
}

/** How a live query is asked. */
export interface LiveOptions {
  /** A moment of the past. Default: all events that there are. */
  readonly asOf?: AsOf | undefined;
  /** Most events to read; a query that needs more fails. Default: 10,000. */
  readonly limit?: number | undefined;
  /** Ends the query with its reason when aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** What live queries are answered from. */
export interface LiveEnvironment {
  readonly events: EventStore;
  readonly schema: Schema;
  readonly services: ServiceScope;
}

const defaultLimit = 10_000;
const roundTrip = roundTripOf(jsonCodec);

/**
 * A document projection that is folded when it is asked, from the events of one key, and stored nowhere. It gives the document
 * that the stored read model has, or had at a position.
 */
export class LiveReadModel<Document extends object = object> {
  readonly #definition: DocumentProjectionDefinition;
  readonly #environment: LiveEnvironment;
  #fold: DocumentFold | undefined;

  constructor(definition: DocumentProjectionDefinition, environment: LiveEnvironment) {
    this.#definition = definition;
    this.#environment = environment;
  }

  /**
   * The document of a key, or `undefined` if there is none.
   *
   * @throws {LiveLimitError} more events than the limit had to be read
   * @throws {ProjectionHandlerError} a handler failed
   * @throws {InvalidArgumentError} a limit that is no integer from 1; a version where the events are not those of one stream
   * @throws the signal's reason, when it is aborted
   */
  async get(key: string, options: LiveOptions = {}): Promise<Document | undefined> {
    const { limit = defaultLimit, signal } = options;
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw new InvalidArgumentError('options.limit', 'must be an integer from 1.');
    }
    signal?.throwIfAborted();
    this.#fold ??= new DocumentFold(
      this.#definition.name,
      this.#definition.handlers(this.#environment.services),
      roundTrip,
    );
    let document: object | undefined;
    let read = 0;
    for await (const batch of this.#batches(key, options, limit + 1)) {
      read += batch.length;
      if (read > limit) throw new LiveLimitError(this.#definition.name, key, limit);
      const plan = this.#fold.plan(this.#environment.schema.read(batch), key);
      const loaded = new Map(document === undefined ? [] : [[key, document]]);
      for (const change of this.#fold.apply(plan, loaded)) {
        document =
          typeof change.document === 'object' && change.document !== null ? change.document : undefined;
      }
    }
    // Its handlers made it, so it is what they return, as it would be stored and loaded.
    return document === undefined ? undefined : (roundTrip(document) as Document);
  }

  #batches(key: string, options: LiveOptions, limit: number): AsyncIterable<readonly RecordedEvent[]> {
    const source = this.#definition.source?.(key) ?? {};
    const { asOf: { position, version } = {}, signal } = options;
    if (typeof source === 'string') return this.#stream(source, options, limit);
    if (version !== undefined) {
      throw new InvalidArgumentError(
        'options.asOf.version',
        `has no meaning for live projection "${this.#definition.name}", whose events are not those of one stream. Give a position.`,
      );
    }
    if (isList(source)) return this.#streams(source, options, limit);
    const types = this.#environment.schema.sourceTypes(this.#definition.types);
    const filter = {
      ...source,
      types: source.types === undefined ? types : source.types.filter((type) => types.includes(type)),
    };
    return this.#environment.events.readAll({ filter, to: position, limit, signal });
  }

  async *#stream(
    stream: string,
    { asOf: { position, version } = {}, signal }: LiveOptions,
    limit: number,
  ): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    if (version !== undefined && version < 0) return;
    for await (const batch of this.#environment.events.readStream(stream, { to: version, limit, signal })) {
      if (position === undefined) {
        yield batch;
        continue;
      }
      const end = batch.findIndex((event) => event.position > position);
      if (end !== 0) yield end === -1 ? batch : batch.slice(0, end);
      if (end !== -1) return;
    }
  }

  /** Streams are read one after another, and their events put into the order of the log: the limit bounds what is held. */
  async *#streams(
    streams: readonly string[],
    options: LiveOptions,
    limit: number,
  ): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    const events: RecordedEvent[] = [];
    for (const stream of new Set(streams)) {
      if (events.length >= limit) break;
      for await (const batch of this.#stream(stream, options, limit - events.length)) events.push(...batch);
    }
    events.sort((a, b) => (a.position < b.position ? -1 : 1));
    if (events.length > 0) yield events;
  }
}

const isList = (source: readonly string[] | EventFilter): source is readonly string[] =>
  Array.isArray(source);
