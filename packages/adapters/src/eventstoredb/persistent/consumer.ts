import { systemClock, type GroupConsumer, type GroupDelivery, type RecordedEvent } from '@tidemark/core';
import type { ClientResolvedEvent } from '../client.js';
import { NoAnswerError } from '../errors.js';
import type { ClientAnswered, ClientConsumer } from './client-groups.js';

/** What the server sent. */
export type Message = ClientResolvedEvent & { readonly retryCount: number };

/** What a consumer works with. */
export interface ConsumerParts {
  /** Joins the group. */
  join(): ClientConsumer;
  /** The event of a message, or `undefined` if it is none of an application's. */
  read(message: Message): Promise<RecordedEvent | undefined>;
  /** Something that the server answers. */
  roundTrip(): Promise<unknown>;
  /** The error for one of the client's. */
  error(error: unknown): Error;
}

/** So long the server may take to let a consumer in, in milliseconds. */
const confirmMs = 10_000;
/** So long leaving waits for a sign that the server has read what was acknowledged, in milliseconds. */
const leaveMs = 2_000;
/** Most ids in one acknowledgement. */
const mostAcks = 1_000;

/** One consumer of a group of EventStoreDB's. */
export class EventStoreDbConsumer implements GroupConsumer {
  readonly #parts: ConsumerParts;
  readonly #messages: Message[] = [];
  #acks: string[] = [];
  #hasAnswered = false;
  #isSendDue = false;
  #consumer: ClientConsumer | undefined;
  #confirmed = false;
  #halted = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(parts: ConsumerParts) {
    this.#parts = parts;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly GroupDelivery[], void, undefined> {
    const cancel = systemClock.after(confirmMs, () => {
      if (!this.#confirmed) this.#fail(new NoAnswerError('the server did not let it in in time'));
    });
    try {
      this.#join();
      let announced = false;
      while (!this.#halted) {
        if (this.#failure !== undefined) throw this.#parts.error(this.#failure.error);
        if (this.#confirmed && !announced) {
          announced = true;
          yield [];
        } else if (this.#messages.length > 0) yield await this.#take();
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      cancel();
    }
  }

  ack(id: string): void {
    this.#acks.push(id);
    // Those that are finished in one turn go together.
    if (this.#isSendDue) return;
    this.#isSendDue = true;
    setImmediate(() => void this.#send());
  }

  nack(id: string, action: 'park' | 'skip' | 'retry', reason: string): void {
    this.#hasAnswered = true;
    // Where it does not arrive, the connection is lost, and says so.
    this.#consumer?.nack(action, reason, answered(id)).catch(() => undefined);
  }

  halt(): void {
    this.#halted = true;
    this.#wake?.();
  }

  async close(): Promise<void> {
    this.halt();
    const consumer = this.#consumer;
    if (consumer === undefined) return;
    if (this.#failure === undefined) {
      await this.#send();
      // The call can only be cancelled, and with it goes what the server has not read yet: an answer says that it has.
      if (this.#hasAnswered) await within(leaveMs, this.#parts.roundTrip());
    }
    await consumer.unsubscribe().catch(() => undefined);
  }

  #join(): void {
    const consumer = this.#parts.join();
    this.#consumer = consumer;
    consumer.on('confirmation', () => {
      this.#confirmed = true;
      this.#wake?.();
    });
    consumer.on('data', (message) => {
      this.#messages.push(message);
      this.#wake?.();
    });
    consumer.on('error', (error) => this.#fail(error));
    for (const ended of ['end', 'close'] as const) {
      consumer.on(ended, () => this.#fail(new NoAnswerError('the server ended the subscription')));
    }
  }

  async #take(): Promise<readonly GroupDelivery[]> {
    const messages = this.#messages.splice(0);
    const deliveries = await Promise.all(
      messages.map(async (message) => {
        const id = (message.link ?? message.event)?.id;
        if (id === undefined) return [];
        const event = await this.#parts.read(message);
        if (event !== undefined) return [{ event, id, retries: message.retryCount }];
        this.ack(id);
        return [];
      }),
    );
    return deliveries.flat();
  }

  async #send(): Promise<void> {
    this.#isSendDue = false;
    const acks = this.#acks;
    this.#acks = [];
    if (acks.length > 0) this.#hasAnswered = true;
    for (let from = 0; from < acks.length; from += mostAcks) {
      const events = acks.slice(from, from + mostAcks).map(answered);
      await this.#consumer?.ack(...events).catch(() => undefined);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }
}

const answered = (id: string): ClientAnswered => ({
  event: {
    id,
    streamId: '',
    revision: 0n,
    type: '',
    isJson: true,
    data: {},
    metadata: undefined,
    created: new Date(0),
  },
});

const within = async (milliseconds: number, promise: Promise<unknown>): Promise<void> => {
  let cancel: (() => void) | undefined;
  const over = new Promise<void>((resolve) => {
    cancel = systemClock.after(milliseconds, resolve);
  });
  await Promise.race([over, promise.catch(() => undefined)]);
  cancel?.();
};
