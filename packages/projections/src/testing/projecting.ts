import { AssertionError, deepStrictEqual } from 'node:assert/strict';
import {
  type Class,
  ConfigurationError,
  type Definition,
  definitionsOf,
  jsonCodec,
  messageDefinitionOf,
  type Metadata,
  newId,
  type RecordedEvent,
  Schema,
  type ServiceScope,
} from '@tidemark/core';
import type { DocumentProjectionDefinition } from '../definition.js';
import { DocumentFold, roundTripOf } from '../documents/document-fold.js';
import type { DocumentOf } from '../documents/document-of.js';

/** An event with its surroundings, where a handler looks at them. */
export interface GivenEvent {
  /** An instance of an event class, or `{ type, data }`. */
  readonly event: object;
  /** Default: `test-1`. */
  readonly stream?: string | undefined;
  readonly metadata?: Metadata | undefined;
  /** Default: one second after the event before it, from 2026-01-01T00:00:00Z. */
  readonly recordedAt?: Date | undefined;
}

/** What the test of a projection needs beside the projection. */
export interface ProjectingOptions {
  /** Gives the projection's class its instance: an inversify container, or `{ get }`. Default: the class is constructed without arguments. */
  readonly services?: ServiceScope | undefined;
}

/**
 * Tests a document projection by itself, without a backend: given these events, then these documents.
 *
 * The events take the way of real ones: validated, stored as JSON, read as instances. They are folded in one batch and
 * again one at a time, and both must give the same: a handler that asks the clock, rolls dice or keeps something between
 * two events is found out.
 *
 * @example
 * ```ts
 * projecting(BoardProjection)
 *   .given(new CardAdded('board-1', 'Buy milk'), new CardDone('board-1'))
 *   .thenDocument('board-1', { open: 0, done: 1 })
 *   .thenNoDocument('board-2');
 * ```
 * @throws {ConfigurationError} it is no document projection
 */
export const projecting: ProjectingFactory = (
  target: Class | Definition,
  options: ProjectingOptions = {},
): Projecting<object> => {
  const definition = definitionsOf(target).find(isDocumentProjection);
  if (definition === undefined) {
    throw new ConfigurationError(
      `${target.name} is no document projection: the test kit folds documents. Test a table projection on PGlite in memory, ` +
        'where its SQL runs.',
    );
  }
  return new Projecting(definition, options.services ?? constructing, []);
};

interface ProjectingFactory {
  <Document extends object>(
    definition: DocumentProjectionDefinition<Document>,
    options?: ProjectingOptions,
  ): Projecting<Document>;
  <Projection extends object>(
    type: Class<Projection>,
    options?: ProjectingOptions,
  ): Projecting<DocumentOf<Projection>>;
}

/** What {@link projecting} makes: each step is a new one, so a common beginning can be shared by several tests. */
export class Projecting<Document extends object> {
  readonly #definition: DocumentProjectionDefinition;
  readonly #services: ServiceScope;
  readonly #given: readonly GivenEvent[];
  #documents: ReadonlyMap<string, object> | undefined;

  constructor(
    definition: DocumentProjectionDefinition,
    services: ServiceScope,
    given: readonly GivenEvent[],
  ) {
    this.#definition = definition;
    this.#services = services;
    this.#given = given;
  }

  /**
   * Adds events, in order.
   *
   * @param events instances of event classes, `{ type, data }`, or `{ event, stream, metadata, recordedAt }`
   */
  given(...events: readonly (object | GivenEvent)[]): Projecting<Document> {
    const added = events.map((event): GivenEvent => (isGiven(event) ? event : { event }));
    return new Projecting(this.#definition, this.#services, [...this.#given, ...added]);
  }

  /** @throws {AssertionError} there is no such document, or it differs; the message shows the difference */
  thenDocument(key: string, expected: Document): this {
    const documents = this.#fold();
    const actual = documents.get(key);
    if (actual === undefined) {
      throw this.#failure(`has no document "${key}"; ${keysAmong(documents)}`, actual, expected);
    }
    this.#same(actual, asStored(expected), `has another document "${key}" than expected`);
    return this;
  }

  /** @throws {AssertionError} there is a document of that key */
  thenNoDocument(key: string): this {
    const actual = this.#fold().get(key);
    if (actual === undefined) return this;
    throw this.#failure(
      `has a document "${key}", where none was expected:\n${show(actual)}`,
      actual,
      undefined,
    );
  }

  /** @throws {AssertionError} there are other documents, fewer or more; the message shows the difference */
  thenDocuments(expected: Readonly<Record<string, Document>>): this {
    this.#same(
      Object.fromEntries(sorted(this.#fold())),
      asStored(expected),
      'has other documents than expected',
    );
    return this;
  }

  /** @throws {AssertionError} no handler failed, or with another message */
  thenFails(message: RegExp): this {
    try {
      this.#fold();
    } catch (error) {
      if (error instanceof Error && message.test(error.message)) return this;
      throw this.#failure(`failed in another way than ${String(message)}: ${String(error)}`, error, message);
    }
    throw this.#failure(`did not fail as expected: ${String(message)}`, undefined, message);
  }

  #fold(): ReadonlyMap<string, object> {
    this.#documents ??= this.#foldTwice();
    return this.#documents;
  }

  #foldTwice(): ReadonlyMap<string, object> {
    const events = this.#record();
    const atOnce = this.#foldIn([events]);
    const oneByOne = this.#foldIn(events.map((event) => [event]));
    const texts = [atOnce, oneByOne].map((documents) => JSON.stringify(sorted(documents)));
    if (texts[0] === texts[1]) return atOnce;
    throw this.#failure(
      'is not pure: the same events, folded again, gave other documents. A handler must depend on nothing but the ' +
        `event and the document; take times from the event.\n${difference(sorted(atOnce), sorted(oneByOne))}`,
      atOnce,
      oneByOne,
    );
  }

  #foldIn(batches: readonly (readonly RecordedEvent[])[]): ReadonlyMap<string, object> {
    const fold = new DocumentFold(
      this.#definition.name,
      this.#definition.handlers(this.#services),
      roundTripOf(jsonCodec),
    );
    const texts = new Map<string, string>();
    const load = (): ReadonlyMap<string, object> =>
      new Map([...texts].map(([key, text]) => [key, asObject(jsonCodec.decode(text))]));
    for (const batch of batches) {
      for (const { key, document } of fold.apply(fold.plan(batch), load())) {
        if (document === null) texts.delete(key);
        else texts.set(key, jsonCodec.encode(document, 'document'));
      }
    }
    return load();
  }

  /** The events as the log would give them back. */
  #record(): readonly RecordedEvent[] {
    const schema = new Schema();
    for (const message of this.#definition.messages) schema.register(message);
    for (const { event } of this.#given) {
      const type: unknown = event.constructor;
      if (type !== Object && isClass(type)) schema.register(messageDefinitionOf(type, 'event', 'given'));
    }
    const versions = new Map<string, number>();
    return schema.read(
      this.#given.map(({ event, stream = 'test-1', metadata = {}, recordedAt }, index): RecordedEvent => {
        const { type, schemaVersion = 1, data } = schema.toEvent(event, metadata);
        const version = (versions.get(stream) ?? -1) + 1;
        versions.set(stream, version);
        return {
          id: newId(),
          stream,
          version,
          position: BigInt(index + 1),
          type,
          schemaVersion,
          data: jsonCodec.decode(jsonCodec.encode(data, 'data')),
          metadata,
          recordedAt: recordedAt ?? new Date(Date.UTC(2026, 0, 1) + index * 1000),
        };
      }),
    );
  }

  #same(actual: unknown, expected: unknown, what: string): void {
    const differs = difference(actual, expected);
    if (differs !== undefined) throw this.#failure(`${what}:\n${differs}`, actual, expected);
  }

  #failure(what: string, actual: unknown, expected: unknown): AssertionError {
    const { length } = this.#given;
    return new AssertionError({
      message: `After ${length} ${length === 1 ? 'event' : 'events'}, projection "${this.#definition.name}" ${what}`,
      actual,
      expected,
      operator: 'deepStrictEqual',
    });
  }
}

const isDocumentProjection = (definition: Definition): definition is DocumentProjectionDefinition =>
  definition.kind === 'projection' && 'model' in definition && definition.model === 'documents';

/** An event wrapped with its surroundings; events themselves have a class, or a type. */
const isGiven = (event: object | GivenEvent): event is GivenEvent =>
  event.constructor === Object && 'event' in event && typeof event.event === 'object' && !('type' in event);

const isClass = (value: unknown): value is Class => typeof value === 'function';

const constructing: ServiceScope = {
  get(service) {
    if (typeof service === 'function' && service.length === 0) return Reflect.construct(service, []);
    throw new ConfigurationError(
      `${typeof service === 'function' ? service.name : String(service)} needs what only a container can give: pass one to ` +
        'projecting(…, { services: container }).',
    );
  },
};

const sorted = (documents: ReadonlyMap<string, object>): readonly (readonly [string, object])[] =>
  [...documents].toSorted(([a], [b]) => (a < b ? -1 : 1));

const keysAmong = (documents: ReadonlyMap<string, object>): string =>
  documents.size === 0
    ? 'it has none at all'
    : `it has ${sorted(documents)
        .map(([key]) => `"${key}"`)
        .join(', ')}`;

/** As it would be stored and loaded, so that dates and left-out fields compare as documents hold them. */
const asStored = (value: object): unknown => jsonCodec.decode(jsonCodec.encode(value, 'expected'));

const asObject = (value: unknown): object => (typeof value === 'object' && value !== null ? value : {});

/** Actual and expected side by side, or `undefined` if they are the same. */
const difference = (actual: unknown, expected: unknown): string | undefined => {
  try {
    deepStrictEqual(actual, expected);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^.*\n/, '') : String(error);
  }
};

const show = (document: object): string => JSON.stringify(document, undefined, 2);
