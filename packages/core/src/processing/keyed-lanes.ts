import type { Clock } from '../clock.js';
import { Fifo } from './fifo.js';
import { LaneTurns, type Rank } from './lane-turns.js';

/**
 * What came of handling an item:
 * - `finished`: the next of its key may go on
 * - `blocked`: it stays at the head of its key, and nothing behind it goes on
 * - a wait: it is handled again after so many milliseconds; its key waits with it, other keys go on
 */
export type LaneOutcome = 'finished' | 'blocked' | { readonly retryAfterMs: number };

/** Which items are handled together: those of one key that come one after another and have the same rule. */
export interface BatchRule {
  /** Most items in the next batch. */
  size(): number;
  /** Milliseconds that the first item of a batch waits for more, counted from when it came. */
  readonly waitMs: number;
}

/** What lanes must know of an item. */
export interface LaneItem {
  readonly key: string;
  /** Its priority: the head of a key decides in which lane the key waits. */
  readonly rank: Rank;
  /** Whom it may be handled with. `undefined`: it is handled alone. */
  readonly batch: BatchRule | undefined;
  /** When it came, in milliseconds; asked of items with a batch rule. */
  readonly since: number;
}

export interface KeyedLanesOptions<Item extends LaneItem> {
  /** How many calls may run at the same time. A key that waits for a retry does not count. */
  readonly concurrency: number;
  /** How many calls of one key may run at the same time; more than one gives up the order within it. Default: 1. */
  readonly keyConcurrency?: number | undefined;
  readonly clock: Clock;
  /**
   * Handles an item. Never throws. A synchronous outcome costs no promise; for an item that is not over yet it gives `undefined`,
   * and {@link KeyedLanes.settle} is called when it is.
   */
  handle(item: Item): LaneOutcome | undefined;
  /** Handles a batch. Never throws. {@link KeyedLanes.settleBatch} is called when it is over, not before this returns. */
  handleBatch?(items: readonly Item[]): void;
  /** Called after each call that is over, whatever came of it. */
  settled(): void;
}

/** Places of keys that are kept to be given to other keys. */
const MOST_SPARE = 1024;

/** A key's place. It has one only while it has unfinished items. */
interface Lane<Item> {
  key: string;
  /** Those that wait, without those being worked on. */
  readonly items: Fifo<Item>;
  /** Calls that the key takes part in: those that run, wait for a retry, or are blocked. */
  taken: number;
  /** It stands in line for its turn. */
  isReady: boolean;
  /** Cancels the waits of its retries. */
  retries: Set<() => void> | undefined;
  /** Its first batch waits to be filled; cancels that. */
  cancelFilling: (() => void) | undefined;
}

/**
 * Work in lanes: items of one key strictly in order, one at a time (unless more of a key are allowed at once); keys side by side,
 * up to the concurrency.
 *
 * Keys that can go on wait in lanes by the priority of their head, and take turns by the item, or by the batch: see
 * {@link LaneTurns}. So neither a busy key holds up the others, nor a busy lane.
 */
export class KeyedLanes<Item extends LaneItem> {
  readonly #options: KeyedLanesOptions<Item>;
  readonly #keyConcurrency: number;
  readonly #lanes = new Map<string, Lane<Item>>();
  readonly #ready = new LaneTurns<Lane<Item>>();
  readonly #spare: Lane<Item>[] = [];
  /** Keys whose first batch waits for more. */
  readonly #filling = new Set<Lane<Item>>();
  #held = false;
  #gathering = false;
  #hurried = false;
  #size = 0;
  #inFlight = 0;
  /** Calls that run: a batch counts once. */
  #calls = 0;

  constructor(options: KeyedLanesOptions<Item>) {
    this.#options = options;
    this.#keyConcurrency = options.keyConcurrency ?? 1;
  }

  /** Items that are not finished. */
  get size(): number {
    return this.#size;
  }

  /** Items being handled right now. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * Adds an item behind all others of its key. If it can be handled at once, it is, before this returns; unless items are being
   * gathered.
   */
  push(item: Item): void {
    this.#size += 1;
    const lane = this.#lanes.get(item.key);
    if (lane !== undefined) {
      lane.items.push(item);
      this.#line(lane);
    } else if (this.#mustWait(item)) {
      const opened = this.#open(item.key);
      opened.items.push(item);
      this.#line(opened);
    } else {
      // The shortcut of synchronous handlers: an item that is finished at once never needs a place.
      this.#calls += 1;
      this.#inFlight += 1;
      const outcome = this.#options.handle(item);
      if (outcome === 'finished') {
        this.#calls -= 1;
        this.#inFlight -= 1;
        this.#size -= 1;
        this.#options.settled();
        return;
      }
      this.#open(item.key).taken = 1;
      if (outcome !== undefined) this.#end(item, outcome);
      return;
    }
    if (!this.#gathering) this.#startReady();
  }

  /** Starts nothing until {@link gathered}: what is pushed meanwhile is handled by its urgency, and in batches, not as it comes. */
  gather(): void {
    this.#gathering = true;
  }

  gathered(): void {
    this.#gathering = false;
    this.#startReady();
  }

  /** Whether batches are to start without waiting for more, since no more can come. */
  hurry(isHurried: boolean): void {
    this.#hurried = isHurried;
    if (!isHurried || this.#filling.size === 0) return;
    for (const lane of this.#filling) this.#endFilling(lane);
    this.#startReady();
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
    for (const lane of this.#lanes.values()) {
      for (const cancel of lane.retries ?? []) cancel();
      lane.cancelFilling?.();
    }
    this.#lanes.clear();
    this.#filling.clear();
    this.#ready.clear();
    this.#size = this.#inFlight;
  }

  /** An item that was not over when it had been handled is over now. */
  settle(item: Item, outcome: LaneOutcome): void {
    this.#end(item, outcome);
    this.#startReady();
  }

  /**
   * A batch is over.
   *
   * @param outcome what came of all of its items; `split`: they are handled again at once, in order, by the rules that they have now
   */
  settleBatch(items: readonly Item[], outcome: LaneOutcome | 'split'): void {
    this.#calls -= 1;
    this.#inFlight -= items.length;
    const lane = this.#laneOf(items);
    if (lane === undefined || outcome === 'finished') this.#size -= items.length;
    if (lane !== undefined) {
      if (outcome === 'split') this.#putBack(lane, items);
      if (outcome === 'finished' || outcome === 'split') this.#goOn(lane);
      else if (outcome !== 'blocked') this.#wait(lane, items, outcome.retryAfterMs);
    }
    this.#options.settled();
    this.#startReady();
  }

  #mustWait(item: Item): boolean {
    return (
      this.#gathering ||
      this.#held ||
      this.#calls >= this.#options.concurrency ||
      this.#ready.size > 0 ||
      item.batch !== undefined
    );
  }

  #open(key: string): Lane<Item> {
    const lane: Lane<Item> = this.#spare.pop() ?? {
      key,
      items: new Fifo(),
      taken: 0,
      isReady: false,
      retries: undefined,
      cancelFilling: undefined,
    };
    lane.key = key;
    this.#lanes.set(key, lane);
    return lane;
  }

  #laneOf(items: readonly Item[]): Lane<Item> | undefined {
    const [first] = items;
    return first === undefined ? undefined : this.#lanes.get(first.key);
  }

  /** Puts a key in line for a turn, if it may go on and is not there yet. */
  #line(lane: Lane<Item>): void {
    if (lane.isReady || lane.taken >= this.#keyConcurrency) return;
    const head = lane.items.peek();
    if (head === undefined) return;
    if (head.batch !== undefined && head.batch.waitMs > 0 && this.#waitsForMore(lane, head, head.batch))
      return;
    this.#queue(lane, head);
  }

  #queue(lane: Lane<Item>, head: Item): void {
    if (lane.cancelFilling !== undefined) this.#stopFilling(lane);
    lane.isReady = true;
    this.#ready.push(lane, head.rank);
  }

  /** True while the first batch of a key is not full, nothing else stands behind it, and there is time. */
  #waitsForMore(lane: Lane<Item>, head: Item, rule: BatchRule): boolean {
    const isEnough = this.#hurried || lane.items.size >= rule.size() || lane.items.last()?.batch !== rule;
    if (isEnough) return false;
    if (lane.cancelFilling !== undefined) return true;
    const rest = head.since + rule.waitMs - this.#options.clock.now().getTime();
    if (rest <= 0) return false;
    this.#filling.add(lane);
    lane.cancelFilling = this.#options.clock.after(rest, () => {
      this.#endFilling(lane);
      this.#startReady();
    });
    return true;
  }

  #stopFilling(lane: Lane<Item>): void {
    lane.cancelFilling?.();
    lane.cancelFilling = undefined;
    this.#filling.delete(lane);
  }

  /** What is there goes as it is. */
  #endFilling(lane: Lane<Item>): void {
    const head = lane.items.peek();
    if (head !== undefined) this.#queue(lane, head);
  }

  #startReady(): void {
    while (!this.#held && !this.#gathering && this.#calls < this.#options.concurrency) {
      const lane = this.#ready.shift();
      if (lane === undefined) return;
      lane.isReady = false;
      this.#start(lane);
    }
  }

  #start(lane: Lane<Item>): void {
    const item = lane.items.shift();
    if (item === undefined) return;
    lane.taken += 1;
    this.#calls += 1;
    // Where several of a key may run at once, it stands in line again at once.
    if (item.batch === undefined) {
      if (this.#keyConcurrency > 1) this.#line(lane);
      this.#inFlight += 1;
      const outcome = this.#options.handle(item);
      if (outcome !== undefined) this.#end(item, outcome);
      return;
    }
    const items = [item];
    for (let most = item.batch.size(); items.length < most && lane.items.peek()?.batch === item.batch; ) {
      const next = lane.items.shift();
      if (next !== undefined) items.push(next);
    }
    if (this.#keyConcurrency > 1) this.#line(lane);
    this.#inFlight += items.length;
    this.#options.handleBatch?.(items);
  }

  #end(item: Item, outcome: LaneOutcome): void {
    this.#calls -= 1;
    this.#inFlight -= 1;
    const lane = this.#lanes.get(item.key);
    if (lane === undefined) this.#size -= 1;
    else if (outcome === 'finished') {
      this.#size -= 1;
      this.#goOn(lane);
    } else if (outcome !== 'blocked') this.#wait(lane, [item], outcome.retryAfterMs);
    this.#options.settled();
  }

  /** A call of the key is over. */
  #goOn(lane: Lane<Item>): void {
    lane.taken -= 1;
    if (lane.items.size > 0) this.#line(lane);
    else if (lane.taken === 0) {
      this.#lanes.delete(lane.key);
      if (this.#spare.length < MOST_SPARE) this.#spare.push(lane);
    }
  }

  #putBack(lane: Lane<Item>, items: readonly Item[]): void {
    for (const item of items.toReversed()) lane.items.unshift(item);
  }

  #wait(lane: Lane<Item>, items: readonly Item[], milliseconds: number): void {
    const retries = (lane.retries ??= new Set());
    const cancel = this.#options.clock.after(milliseconds, () => {
      retries.delete(cancel);
      this.#putBack(lane, items);
      this.#goOn(lane);
      this.#startReady();
    });
    retries.add(cancel);
  }
}
