import { ConfigurationError, TidemarkError } from '../error.js';

/** A value cannot be written as JSON without losing something, or text is not JSON. Nothing was written. */
export class SerializationError extends TidemarkError {
  readonly code = 'serialization';

  /**
   * @param where what was being written or read, e.g. `data`
   * @param path the culprit, e.g. `data.items[3].price`
   * @param reason what is wrong with it, without its value
   */
  constructor(
    readonly where: string,
    readonly path: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`${path} ${reason}`, options);
  }
}

/** One property of a message that breaks its constraints. The value is left out: it may be sensitive. */
export interface Violation {
  /** Property path within the message, e.g. `items[2].sku`; empty for the message itself. */
  readonly path: string;
  /** Every violated constraint by its name, with the validator's sentence. */
  readonly constraints: Readonly<Record<string, string>>;
}

/** A command or event breaks the constraints of its class. Nothing was handled or written. */
export class ValidationError extends TidemarkError {
  readonly code = 'validation';

  /** @param messageType name of the type of the command or event */
  constructor(
    readonly messageType: string,
    readonly violations: readonly Violation[],
  ) {
    super(
      `"${messageType}" is not valid:\n${violations
        .flatMap(({ path, constraints }) =>
          Object.values(constraints).map(
            (sentence) => `  - ${path === '' ? '(the message)' : path}: ${sentence}`,
          ),
        )
        .join('\n')}`,
    );
  }
}

/** Something was sent or appended whose type has no name: its class is not a registered event or command. */
export class UnknownMessageError extends TidemarkError {
  readonly code = 'unknown-message';
}

/** Two definitions claim one name. Names are stored, so each must stand for one thing only. */
export class DuplicateNameError extends ConfigurationError {
  /**
   * @param kind what both are, e.g. `event`
   * @param duplicate the name that both claim
   * @param places where the two are defined, as `file:line:column`
   */
  constructor(
    readonly kind: string,
    readonly duplicate: string,
    readonly places: readonly [string, string],
  ) {
    super(
      `Two definitions of kind "${kind}" are named "${duplicate}": one at ${places[0]}, the other at ${places[1]}. ` +
        'Names are stored, so each must be unique: rename one of them.',
    );
  }
}

/**
 * A stored event has a newer schema than this process knows, as happens while a new release is rolled out:
 * the process waits for its own update instead of guessing.
 */
export class UnknownSchemaVersionError extends TidemarkError {
  readonly code = 'unknown-schema-version';

  /**
   * @param stored the version that the event was stored with
   * @param known the newest version known here
   */
  constructor(
    readonly eventType: string,
    readonly stored: number,
    readonly known: number,
    readonly stream: string,
    readonly streamVersion: number,
  ) {
    super(
      `Event ${streamVersion} of stream "${stream}" is "${eventType}" with schema version ${stored}, but the newest known ` +
        `here is ${known}. A newer release has written it: update this process, or set the version of @Event.`,
    );
  }
}

/** An upcaster threw, or returned something that it had not declared. */
export class UpcastError extends TidemarkError {
  readonly code = 'upcast';

  /** @param upcaster name of the upcaster */
  constructor(
    readonly upcaster: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
