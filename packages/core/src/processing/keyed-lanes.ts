import type { Clock } from '../clock.js';
import { Fifo } from './fifo.js';

/**
 * What came of handling an item:
 * - `finished`: the next of its key may go on
 * - `blocked`: it stays at the head of its key, and nothing behind it goes on
 * - a wait: it is handled again after so many milliseconds; its key waits with it, other keys go on
 */
export type LaneOutcome = 'finished' | 'blocked' | { readonly retryAfterMs: number };

export interface KeyedLanesOptions<Item> {
  /** How many keys are worked on at the same time. A key that waits for a retry does not count. */
  readonly concurrency: number;
  readonly clock: Clock;
  /** Handles an item. Never throws, never rejects. A synchronous outcome costs no promise. */
  handle(item: Item): LaneOutcome | Promise<LaneOutcome>;
  /** Called after each item that was handled, whatever came of it. */
  settled(): void;
}

interface Lane<Item> {
  readonly key: string;
  /** The one being worked on, or to be worked on next, is the head. */
  readonly items: Fifo<Item>;
  cancelWait: (() => void) | undefined;
}

/**
 * Work in lanes: items of one key strictly in order, one at a time; keys side by side, up to the concurrency.
 *
 * A key has a lane only while it has unfinished items. Lanes that can go on stand in one queue and take turns by the
 * item, so that a busy key does not hold up the others.
 */
export class KeyedLanes<Item> {
  readonly #options: KeyedLanesOptions<Item>;
  readonly #lanes = new Map<string, Lane<Item>>();
  readonly #ready = new Fifo<Lane<Item>>();
  #held = false;
  #size = 0;
  #inFlight = 0;

  constructor(options: KeyedLanesOptions<Item>) {
    this.#options = options;
  }

  /** Items that are not finished. */
  get size(): number {
    return this.#size;
  }

  /** Items being handled right now. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Adds an item behind all others of its key. If it can be handled at once, it is, before this returns. */
  push(key: string, item: Item): void {
    this.#size += 1;
    const lane = this.#lanes.get(key);
    if (lane !== undefined) {
      lane.items.push(item);
      return;
    }
    if (this.#held || this.#inFlight >= this.#options.concurrency || this.#ready.size > 0) {
      this.#ready.push(this.#open(key, item));
      this.#startReady();
      return;
    }
    // The shortcut of synchronous handlers: an item that is finished at once never needs a lane.
    this.#inFlight += 1;
    const outcome = this.#options.handle(item);
    if (outcome === 'finished') {
      this.#inFlight -= 1;
      this.#size -= 1;
      this.#options.settled();
    } else this.#follow(this.#open(key, item), outcome);
  }

  /** Starts nothing more until {@link release}; what is being handled goes on. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#startReady();
  }

  /** Forgets all that has not been started, for good. */
  discard(): void {
    this.#held = true;
    for (const lane of this.#lanes.values()) lane.cancelWait?.();
    this.#lanes.clear();
    this.#size = this.#inFlight;
    while (this.#ready.shift() !== undefined);
  }

  #open(key: string, item: Item): Lane<Item> {
    const lane: Lane<Item> = { key, items: new Fifo(), cancelWait: undefined };
    lane.items.push(item);
    this.#lanes.set(key, lane);
    return lane;
  }

  #startReady(): void {
    while (!this.#held && this.#inFlight < this.#options.concurrency) {
      const lane = this.#ready.shift();
      const item = lane?.items.peek();
      if (lane === undefined || item === undefined) return;
      this.#inFlight += 1;
      this.#follow(lane, this.#options.handle(item));
    }
  }

  #follow(lane: Lane<Item>, outcome: LaneOutcome | Promise<LaneOutcome>): void {
    if (!(outcome instanceof Promise)) return this.#settle(lane, outcome);
    // Not in an asynchronous function: that would cost one more promise for each event.
    void outcome.then((settled) => this.#settleLater(lane, settled));
  }

  #settleLater(lane: Lane<Item>, outcome: LaneOutcome): void {
    this.#settle(lane, outcome);
    this.#startReady();
  }

  #settle(lane: Lane<Item>, outcome: LaneOutcome): void {
    this.#inFlight -= 1;
    if (this.#lanes.get(lane.key) !== lane) this.#size -= 1;
    else if (outcome === 'finished') {
      this.#size -= 1;
      lane.items.shift();
      if (lane.items.size > 0) this.#ready.push(lane);
      else this.#lanes.delete(lane.key);
    } else if (outcome !== 'blocked') this.#wait(lane, outcome.retryAfterMs);
    this.#options.settled();
  }

  #wait(lane: Lane<Item>, milliseconds: number): void {
    lane.cancelWait = this.#options.clock.after(milliseconds, () => {
      lane.cancelWait = undefined;
      this.#ready.push(lane);
      this.#startReady();
    });
  }
}
