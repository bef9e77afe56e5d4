import type { Origin, StoredEvent, TimedEvent } from './stored-event.js';

/** What an operator calls when something is complete. */
export interface Complete<Result> {
  /**
   * @param identity what tells it from all others of the key, the same however often it is computed
   * @param result the window or match, but for its key
   * @param origin the event that it follows from
   */
  (identity: string, result: Result, origin: Origin): void;
}

/** To JSON and back, for events within a state. */
export interface EventStorage {
  store(event: TimedEvent): StoredEvent;
  restore(stored: StoredEvent): TimedEvent;
}

/**
 * What is done to the events of one key: windows of some kind, or a pattern. It knows no store, no clock and no other keys; its
 * states are its own to change.
 *
 * Time comes to it as the watermark alone: {@link pass} is called with one that never falls, and how often, and with which steps,
 * makes no difference to what is completed.
 */
export interface Operator<State, Result> {
  /** Which kind it is, with its spans: what is open cannot be carried on by another. */
  readonly shape: string;
  /** True if it wants its events in the order of their times: they wait until the watermark has reached them. */
  readonly ordered: boolean;
  /** The shortest span that it has to do with, in milliseconds: how exactly the passing of time must be told. */
  readonly spanMs: number;
  create(): State;
  /**
   * Takes in an event behind which the watermark may be already.
   *
   * @returns false if it is late: everything that it could be part of is closed
   */
  take(state: State, event: TimedEvent, watermark: number, complete: Complete<Result>): boolean;
  /** Completes and removes what ends at the watermark or before it. */
  pass(state: State, watermark: number, complete: Complete<Result>): void;
  /** When the next thing ends by itself. */
  due(state: State): number | undefined;
  /** How many things are open. */
  size(state: State): number;
  /** Forgets what was opened last, until only so many things are open. */
  trim(state: State, size: number): void;
  toJson(state: State, events: EventStorage): unknown;
  /** @param json what {@link toJson} gave */
  fromJson(json: unknown, events: EventStorage): State;
}
