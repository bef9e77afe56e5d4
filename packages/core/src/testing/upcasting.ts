import type { RecordedEvent } from '../messages/event.js';
import type { Class, Definition } from '../model/definition.js';
import { Schema } from '../schema/schema.js';
import { assertError, assertSame, fail, type ExpectedError } from './assert-same.js';
import { comparable, recorded, type StoredOldEvent } from './events-in-tests.js';
import { schemaOf } from './schema-in-tests.js';

/**
 * A test of upcasters: given an event as an old release stored it, then readers get these events.
 *
 * ```ts
 * upcasting([OrderPlaced]).given({ type: 'order-placed', schemaVersion: 1, data: { total: 5 } })
 *   .thenEvents(new OrderPlaced({ amount: 5, currency: 'EUR' }));
 * ```
 *
 * @param register classes and definitions with the events and upcasters, or a schema made of them
 * @throws {ConfigurationError} the upcasters have a gap or a cycle
 */
export const upcasting = (register: readonly (Class | Definition)[] | Schema): Upcasting =>
  new Upcasting(register instanceof Schema ? register : schemaOf([], register), []);

/** A test of upcasters that is being told. */
export class Upcasting {
  readonly #schema: Schema;
  readonly #given: readonly StoredOldEvent[];

  constructor(schema: Schema, given: readonly StoredOldEvent[]) {
    this.#schema = schema;
    this.#given = given;
  }

  /** Events as they are stored. */
  given(...events: readonly StoredOldEvent[]): Upcasting {
    return new Upcasting(this.#schema, [...this.#given, ...events]);
  }

  /**
   * Expects that readers get exactly these events, each at its newest version.
   *
   * @param expected instances of event classes, or `{ type, data }`
   * @throws {AssertionError} with the differences
   */
  thenEvents(...expected: readonly object[]): void {
    const compare = (events: readonly object[]) => events.map((event) => comparable(this.#schema, event));
    assertSame(compare(this.#read()), compare(expected), 'Readers get other events.');
  }

  /** Expects that readers get none of them. */
  thenDropped(): void {
    this.thenEvents();
  }

  /**
   * Expects that they cannot be read.
   *
   * @param expected the error's class, or a part or pattern of its message. Default: any error
   */
  thenFails(expected?: ExpectedError): void {
    let events: readonly RecordedEvent[];
    try {
      events = this.#read();
    } catch (error) {
      assertError(error, expected, 'Reading');
      return;
    }
    fail(`Reading should have failed, but gave ${events.length} event${events.length === 1 ? '' : 's'}.`);
  }

  #read(): readonly RecordedEvent[] {
    return this.#schema.read(
      this.#given.map((event, version) => recorded(this.#schema, event, 'scenario-1', version)),
    );
  }
}
