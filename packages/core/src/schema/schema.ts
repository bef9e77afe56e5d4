import { ConfigurationError } from '../error.js';
import type { NewEvent, RecordedEvent } from '../messages/event.js';
import type { Metadata } from '../messages/metadata.js';
import type { Class } from '../model/definition.js';
import type { MessageDefinition } from '../model/message-definition.js';
import type { UpcasterDefinition } from '../model/upcaster-definition.js';
import {
  DuplicateNameError,
  UnknownMessageError,
  UnknownSchemaVersionError,
  ValidationError,
} from './errors.js';
import { revive } from './revive.js';
import { compileUpcasters, type Upcast } from './upcasting.js';
import { classOf, validateMessage } from './validation.js';

/** How stored events of one type are read. */
interface Reader {
  readonly newest: number;
  /** Indexed by stored version; none for the newest. */
  readonly upcasts: readonly (Upcast | undefined)[];
  readonly class: Class | undefined;
}

interface Compiled {
  readonly readers: ReadonlyMap<string, Reader>;
  readonly sources: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * All message types of an application: makes stored events of instances and instances of stored events, validates,
 * and brings old events to the newest version of their type.
 */
export class Schema {
  readonly #events = new Map<string, MessageDefinition>();
  readonly #commands = new Map<string, MessageDefinition>();
  readonly #classes = new Map<Class, MessageDefinition>();
  readonly #upcasters = new Set<UpcasterDefinition>();
  #compiled: Compiled | undefined;

  /**
   * Adds a type of message, with the upcasters that its class brings, or an upcaster. The same definition again
   * changes nothing.
   *
   * @throws {DuplicateNameError} another class has the name
   * @throws {ConfigurationError} the class has another name already
   */
  register(definition: MessageDefinition | UpcasterDefinition): void {
    this.#compiled = undefined;
    if (definition.kind === 'upcaster') {
      this.#upcasters.add(definition);
      return;
    }
    const known = this.#of(definition.kind).get(definition.name);
    if (known !== undefined && known.class !== definition.class) {
      throw new DuplicateNameError(definition.kind, definition.name, [known.definedAt, definition.definedAt]);
    }
    const same = this.#classes.get(definition.class);
    if (same !== undefined && (same.name !== definition.name || same.kind !== definition.kind)) {
      throw new ConfigurationError(
        `${definition.class.name} is the ${same.kind} "${same.name}" (${same.definedAt}) and also the ` +
          `${definition.kind} "${definition.name}" (${definition.definedAt}): a class stands for one type only.`,
      );
    }
    this.#of(definition.kind).set(definition.name, definition);
    this.#classes.set(definition.class, definition);
    for (const upcaster of definition.upcasters ?? []) this.#upcasters.add(upcaster);
  }

  /**
   * Adds a type of event while events are being read. One that is known already changes nothing.
   *
   * @throws {ConfigurationError} it has older versions: all who read must know of those from the start
   * @throws {DuplicateNameError} another class has the name
   */
  learn(definition: MessageDefinition): void {
    if (this.#classes.get(definition.class) === definition) return;
    if (definition.version !== 1 || (definition.upcasters ?? []).length > 0) {
      throw new ConfigurationError(
        `Event "${definition.name}" (${definition.definedAt}) has older versions: list it in "register" of the application, so that ` +
          'all who read it know of them from the start.',
      );
    }
    this.register(definition);
  }

  /**
   * Checks the upcasters and compiles them, one function per stored version. Called when the application starts;
   * otherwise at the first use.
   *
   * @throws {ConfigurationError} a gap, a cycle, two upcasters for one version, or a target that does not exist
   */
  seal(): void {
    this.#compile();
  }

  /**
   * The event as a store takes it, validated.
   *
   * @param event an instance of a registered event class, or `{ type, data }`
   * @param id its UUID. Default: the store makes one
   * @throws {ValidationError} it breaks constraints of its class
   * @throws {UnknownMessageError} its class is no registered event
   */
  toEvent(event: object, metadata: Metadata, id?: string): NewEvent {
    const { type, data } = this.#typed('event', event);
    const definition = this.#events.get(type);
    if (definition !== undefined) this.#instance(definition, data);
    return { id, type, schemaVersion: definition?.version ?? this.latestVersion(type), data, metadata };
  }

  /**
   * Validates a command or event by the class-validator decorators of its class, if it has one.
   *
   * @param message an instance, or `{ type, data }`, which has no class and is valid
   * @throws {ValidationError} with every violated constraint and its property path
   */
  validate(message: object): void {
    const type = classOf(message);
    if (type !== undefined) validateMessage(this.#classes.get(type)?.name ?? type.name, type, message);
  }

  /**
   * Type and data of a command.
   *
   * @param command an instance of a registered command class, or `{ type, data }`
   * @throws {UnknownMessageError} its class is no registered command
   */
  commandTypeOf(command: object): { readonly type: string; readonly data: unknown } {
    return this.#typed('command', command);
  }

  /**
   * The command as handlers take it: an instance where the type has a class, else `{ type, data }`. Not yet validated.
   *
   * @throws {ValidationError} the type has a class, but the data is no object
   */
  reviveCommand(type: string, data: unknown): object {
    const definition = this.#commands.get(type);
    return definition === undefined ? { type, data } : asInstance(definition, data);
  }

  /**
   * Stored events as handlers take them: at their newest version, data rebuilt as instances where the type has a
   * class. Constructors do not run. Gives back the same array if nothing was to be done.
   *
   * @throws {UnknownSchemaVersionError} an event was written by a newer release
   * @throws {UpcastError} an upcaster failed
   */
  read(events: readonly RecordedEvent[]): readonly RecordedEvent[] {
    const { readers } = this.#compile();
    let changed: RecordedEvent[] | undefined;
    for (const [index, event] of events.entries()) {
      const reader = readers.get(event.type);
      if (reader === undefined || isReady(event, reader)) {
        changed?.push(event);
        continue;
      }
      changed ??= events.slice(0, index);
      this.#readInto(changed, event, reader, readers);
    }
    return changed ?? events;
  }

  /** {@link read} for one event, which may become several, or none. */
  readOne(event: RecordedEvent): readonly RecordedEvent[] {
    return this.read([event]);
  }

  /** All stored types whose events may become one of these by upcasting, these included: what a filter asks the store for. */
  sourceTypes(types: readonly string[]): readonly string[] {
    const { sources } = this.#compile();
    return [...new Set(types.flatMap((type) => [type, ...(sources.get(type) ?? [])]))];
  }

  /**
   * True if stored events that become one of these types may be changed by an upcaster.
   *
   * @param types default: all
   */
  upcasts(types?: readonly string[]): boolean {
    const { readers } = this.#compile();
    const sources = types === undefined ? readers.keys() : this.sourceTypes(types);
    return [...sources].some(
      (type) => readers.get(type)?.upcasts.some((upcast) => upcast !== undefined) === true,
    );
  }

  /** The newest version of an event type; 1 for a type without a class and upcasters. */
  latestVersion(type: string): number {
    return this.#compile().readers.get(type)?.newest ?? 1;
  }

  #of(kind: MessageDefinition['kind']): Map<string, MessageDefinition> {
    return kind === 'event' ? this.#events : this.#commands;
  }

  #typed(
    kind: MessageDefinition['kind'],
    message: object,
  ): { readonly type: string; readonly data: unknown } {
    const type = classOf(message);
    const definition = type === undefined ? undefined : this.#classes.get(type);
    if (definition?.kind === kind) return { type: definition.name, data: message };
    if (
      definition === undefined &&
      'type' in message &&
      typeof message.type === 'string' &&
      'data' in message
    ) {
      return { type: message.type, data: message.data };
    }
    throw unknownMessage(kind, type, definition);
  }

  /** Throws unless the data is, or makes, a valid instance. */
  #instance(definition: MessageDefinition, data: unknown): void {
    validateMessage(definition.name, definition.class, asInstance(definition, data));
  }

  #readInto(
    into: RecordedEvent[],
    event: RecordedEvent,
    reader: Reader,
    readers: ReadonlyMap<string, Reader>,
  ): void {
    if (
      !Number.isInteger(event.schemaVersion) ||
      event.schemaVersion < 1 ||
      event.schemaVersion > reader.newest
    ) {
      throw new UnknownSchemaVersionError(
        event.type,
        event.schemaVersion,
        reader.newest,
        event.stream,
        event.version,
      );
    }
    const upcast = reader.upcasts[event.schemaVersion];
    for (const newest of upcast === undefined ? [event] : upcast(event)) {
      const type = readers.get(newest.type)?.class;
      into.push(type === undefined ? newest : withData(newest, revive(type, newest.data)));
    }
  }

  #compile(): Compiled {
    if (this.#compiled !== undefined) return this.#compiled;
    const { types, sources } = compileUpcasters([...this.#upcasters], this.#events);
    const readers = new Map<string, Reader>();
    for (const [type, { newest, upcasts }] of types) {
      readers.set(type, { newest, upcasts, class: this.#events.get(type)?.class });
    }
    this.#compiled = { readers, sources };
    return this.#compiled;
  }
}

/** Property by property: spreading takes several times as long, and this is done for every event of a class that is read. */
const withData = (event: RecordedEvent, data: unknown): RecordedEvent => ({
  id: event.id,
  stream: event.stream,
  version: event.version,
  position: event.position,
  type: event.type,
  schemaVersion: event.schemaVersion,
  data,
  metadata: event.metadata,
  recordedAt: event.recordedAt,
});

/** True for an event at its newest version whose data needs no rebuilding. */
const isReady = (event: RecordedEvent, reader: Reader): boolean =>
  event.schemaVersion === reader.newest &&
  reader.upcasts[event.schemaVersion] === undefined &&
  (reader.class === undefined || event.data instanceof reader.class);

const asInstance = (definition: MessageDefinition, data: unknown): object => {
  const instance = revive(definition.class, data);
  if (instance instanceof definition.class) return instance;
  throw new ValidationError(definition.name, [
    { path: '', constraints: { isObject: 'its data must be an object' } },
  ]);
};

const unknownMessage = (
  kind: MessageDefinition['kind'],
  type: Class | undefined,
  registered: MessageDefinition | undefined,
): UnknownMessageError => {
  const decorator = kind === 'event' ? '@Event' : '@Command';
  if (registered !== undefined) {
    return new UnknownMessageError(
      `${registered.class.name} is the ${registered.kind} "${registered.name}", but here a ${kind} is needed.`,
    );
  }
  if (type === undefined || type === Object) {
    return new UnknownMessageError(
      `An object without a class is no ${kind}: make it an instance of a class with ${decorator}({ name: '…' }), or { type, data }.`,
    );
  }
  return new UnknownMessageError(
    `${type.name} is not registered as a ${kind}: add ${decorator}({ name: '…' }) to class ${type.name}, and list the ` +
      'class, or a handler that mentions it, in "register" of the application.',
  );
};
