import type { GroupConsumer, GroupDelivery } from '../backend/persistent-subscriptions.js';
import type { RecordedEvent } from '../messages/event.js';
import type { DispatcherHost } from './dispatcher.js';
import type { Refusal, WorkMark } from './source.js';

/** A delivery in hand. */
interface Entry {
  readonly id: string;
  /** By which it is answered; `undefined` after that connection was lost. */
  consumer: GroupConsumer | undefined;
  /** Pieces that are not finished. */
  pieces: number;
  /** True once a handler has been called for a piece of it. */
  isStarted: boolean;
}

/**
 * Deliveries that are answered one by one: acknowledged when all their pieces are finished.
 *
 * A delivery whose connection is lost belongs to whoever it is delivered to next. If no handler has been called for it, it is
 * forgotten here. If one is at work it goes on, and if this very consumer gets the event again, its end answers that delivery: one
 * event is never handled twice at the same time in one run.
 */
export class Acknowledgements implements WorkMark {
  readonly position = undefined;
  readonly #counts: DispatcherHost['counts'];
  readonly #entries = new Map<string, Entry>();
  readonly #byEvent = new WeakMap<RecordedEvent, Entry>();
  readonly #byTicket = new Map<number, Entry>();
  #lastTicket = 0;

  constructor(counts: DispatcherHost['counts']) {
    this.#counts = counts;
  }

  get span(): number {
    return this.#entries.size;
  }

  /** True if the delivery is of an event in hand already: then its end answers this delivery, too. */
  isInHand({ id, retries }: GroupDelivery, consumer: GroupConsumer): boolean {
    if (retries > 0) this.#counts.redelivered += 1;
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    entry.consumer = consumer;
    return true;
  }

  /** The delivery has become these events, at least one. */
  expect({ id }: GroupDelivery, consumer: GroupConsumer, first: RecordedEvent): void {
    const entry = { id, consumer, pieces: 0, isStarted: false };
    this.#entries.set(id, entry);
    this.#byEvent.set(first, entry);
  }

  admit(_position: bigint, pieces: number, event?: RecordedEvent): number {
    const entry = event === undefined ? undefined : this.#byEvent.get(event);
    if (entry === undefined || this.#entries.get(entry.id) !== entry) return 0;
    entry.pieces = pieces;
    this.#lastTicket += 1;
    this.#byTicket.set(this.#lastTicket, entry);
    return this.#lastTicket;
  }

  begin(ticket: number): boolean {
    const entry = this.#entryOf(ticket);
    if (entry === undefined) return false;
    entry.isStarted = true;
    return true;
  }

  finish(ticket: number): boolean {
    const entry = this.#entryOf(ticket);
    if (entry === undefined) return false;
    entry.pieces -= 1;
    if (entry.pieces > 0) return false;
    this.#forget(ticket, entry);
    entry.consumer?.ack(entry.id);
    return false;
  }

  refuse(ticket: number, refusal: Refusal, reason: string): void {
    const entry = this.#entryOf(ticket);
    if (entry === undefined) return;
    this.#forget(ticket, entry);
    // Without a connection it is delivered again, and fails again.
    if (entry.consumer === undefined) return;
    if (refusal === 'park') this.#counts.parked += 1;
    entry.consumer.nack(entry.id, refusal, reason);
  }

  /** What no handler has been called for is no longer in hand. */
  dropUnstarted(): void {
    for (const [id, entry] of this.#entries) if (!entry.isStarted) this.#entries.delete(id);
  }

  /** Nothing is in hand any more: whatever is still at work answers nothing. */
  dropAll(): void {
    this.#entries.clear();
    this.#byTicket.clear();
  }

  /** The connection is lost: what came by it cannot be answered. */
  lost(consumer: GroupConsumer): void {
    this.dropUnstarted();
    for (const entry of this.#entries.values()) {
      if (entry.consumer === consumer) entry.consumer = undefined;
    }
  }

  /** The delivery of the ticket, if it is still in hand. */
  #entryOf(ticket: number): Entry | undefined {
    const entry = this.#byTicket.get(ticket);
    if (entry !== undefined && this.#entries.get(entry.id) === entry) return entry;
    this.#byTicket.delete(ticket);
    return undefined;
  }

  #forget(ticket: number, entry: Entry): void {
    this.#byTicket.delete(ticket);
    this.#entries.delete(entry.id);
  }
}
