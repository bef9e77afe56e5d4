import type { Complete, EventStorage, Operator } from './operator.js';
import type { StoredEvent, TimedEvent } from './stored-event.js';

/** What is open in one key, as its document. */
export interface KeyDocument {
  readonly key: string;
  /** When something of it ends, or an event may be taken in, by itself; `null` if nothing does. */
  readonly due: number | null;
  readonly open: unknown;
  /** Events whose time the watermark has not reached, in its order. */
  readonly waiting: readonly StoredEvent[];
}

/** What is open in one key: the operator's state, and the events that wait for their time if it wants them in its order. */
export class KeyState<State, Result> {
  readonly key: string;
  readonly #operator: Operator<State, Result>;
  readonly #state: State;
  readonly #waiting: TimedEvent[];

  constructor(
    key: string,
    operator: Operator<State, Result>,
    stored: KeyDocument | undefined,
    events: EventStorage,
  ) {
    this.key = key;
    this.#operator = operator;
    this.#state = stored === undefined ? operator.create() : operator.fromJson(stored.open, events);
    this.#waiting = (stored?.waiting ?? []).map((event) => events.restore(event));
  }

  get size(): number {
    return this.#operator.size(this.#state) + this.#waiting.length;
  }

  get due(): number | undefined {
    const due = this.#operator.due(this.#state);
    const [next] = this.#waiting;
    if (next === undefined || (due !== undefined && due <= next.time)) return due;
    return next.time;
  }

  toDocument(events: EventStorage): KeyDocument {
    return {
      key: this.key,
      due: this.due ?? null,
      open: this.#operator.toJson(this.#state, events),
      waiting: this.#waiting.map((event) => events.store(event)),
    };
  }

  /**
   * Takes in an event, once {@link pass} has been called with the same watermark.
   *
   * @returns false if it is late
   */
  take(event: TimedEvent, watermark: number, complete: Complete<Result>): boolean {
    if (!this.#operator.ordered) return this.#operator.take(this.#state, event, watermark, complete);
    if (event.time < watermark) return false;
    // Behind those of the same time: then the order of the log counts.
    let place = this.#waiting.length;
    while (place > 0 && (this.#waiting[place - 1]?.time ?? 0) > event.time) place -= 1;
    this.#waiting.splice(place, 0, event);
    this.pass(watermark, complete);
    return true;
  }

  /**
   * Forgets what was opened last, until no more is open than that.
   *
   * @returns how much it has forgotten
   */
  trim(size: number): number {
    const before = this.size;
    while (this.size > size && this.#waiting.pop() !== undefined);
    if (this.size > size) this.#operator.trim(this.#state, size);
    return before - this.size;
  }

  /** Lets time go on to the watermark: what ends, and the events that waited, in the order of their times. */
  pass(watermark: number, complete: Complete<Result>): void {
    let taken = 0;
    for (const event of this.#waiting) {
      if (event.time > watermark) break;
      // What ends when an event comes has ended before it.
      this.#operator.pass(this.#state, event.time, complete);
      this.#operator.take(this.#state, event, event.time, complete);
      taken += 1;
    }
    if (taken > 0) this.#waiting.splice(0, taken);
    this.#operator.pass(this.#state, watermark, complete);
  }
}
