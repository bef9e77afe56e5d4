import { MessageContext } from '../messages/context.js';
import type { NewEvent } from '../messages/event.js';
import { deterministicId } from '../messages/ids.js';
import type { Schema } from '../schema/schema.js';
import type { CorrelationOptions } from './definition.js';
import { CorrelationError } from './errors.js';
import type { Origin } from './stored-event.js';

/** The events that follow from one window, match or late event: appended together or not at all. */
export interface Emission {
  readonly stream: string;
  readonly events: readonly NewEvent[];
}

/** Parent of all ids of derived events: a UUID of its own, so that they can meet no other ids. */
const namespace = '5f0d6c1e-8a57-5d0b-9f2e-6f4a7c3b2d19';

/** The prefix of the streams of one correlation. */
export const streamPrefix = (name: string): string => `correlation:${name}-`;

/** Makes events to append of what handlers give back: with ids that are the same each time, and where they follow from. */
export class Emitter {
  readonly #name: string;
  readonly #schema: Schema;
  readonly #stream: CorrelationOptions['stream'];
  readonly #parent: string;

  constructor({ name, stream }: CorrelationOptions, schema: Schema) {
    this.#name = name;
    this.#schema = schema;
    this.#stream = stream;
    this.#parent = deterministicId(namespace, name);
  }

  /**
   * @param identity what tells it from all others of the key
   * @param derived what the handler gave back
   * @returns `undefined` if it gave nothing
   * @throws {CorrelationError} it gave what are no events
   */
  emission(key: string, identity: string, derived: unknown, origin: Origin): Emission | undefined {
    const events = this.#listOf(key, derived);
    if (events.length === 0) return undefined;
    const metadata = new MessageContext({
      messageId: origin.id,
      isEvent: true,
      metadata: origin.metadata,
    }).outgoing();
    return {
      stream: this.#streamOf(key),
      events: events.map((event, index) =>
        this.#schema.toEvent(
          event,
          metadata,
          deterministicId(this.#parent, `${key}\0\0\0${identity}\0\0\0${index}`),
        ),
      ),
    };
  }

  #streamOf(key: string): string {
    if (this.#stream === undefined) return `${streamPrefix(this.#name)}${key}`;
    return typeof this.#stream === 'string' ? this.#stream : this.#stream(key);
  }

  #listOf(key: string, derived: unknown): readonly object[] {
    if (derived === undefined || derived === null) return [];
    if (typeof derived !== 'object') throw this.#refusal(key, `a ${typeof derived}`);
    const list: readonly unknown[] = isIterable(derived) ? [...derived] : [derived];
    const events: object[] = [];
    for (const event of list) {
      if (typeof event !== 'object' || event === null)
        throw this.#refusal(key, `a ${typeof event} in a list`);
      if ('then' in event && typeof event.then === 'function') throw this.#refusal(key, 'a promise');
      events.push(event);
    }
    return events;
  }

  #refusal(key: string, what: string): CorrelationError {
    return new CorrelationError(
      this.#name,
      key,
      `its handler gave back ${what}, but events follow from it: return one, a list, or nothing. Handlers of correlations are ` +
        'synchronous; have a processor handle the derived event for anything else.',
    );
  }
}

const isIterable = (value: object): value is Iterable<unknown> => Symbol.iterator in value;
