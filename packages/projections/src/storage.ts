import type { RecordedEvent, Transaction } from '@tidemark/core';

/** The surroundings of a batch, as far as read models need them. */
export interface BatchSurroundings {
  /** True while the generation is not the active one. */
  readonly isReplay: boolean;
  readonly signal: AbortSignal;
}

/** Where a projection's generations live: what document and table projections differ in. */
export interface ModelStorage {
  /** Makes the place of a new generation. */
  create(tx: Transaction, generation: number): Promise<void>;
  /** Brings an existing generation to what the definition now says, where that needs no rebuild. */
  refresh(tx: Transaction, generation: number): Promise<void>;
  /** Makes a generation the one that is seen from outside. */
  activate(tx: Transaction, generation: number): Promise<void>;
  /** Removes a generation and all in it; one that is gone is no error. */
  drop(tx: Transaction, generation: number): Promise<void>;
  /**
   * What a batch of events writes to, as far as it can be told beforehand: keys that two writers of one key must not be at in the
   * same time, or `undefined` where all writers must go one after another.
   *
   * @throws {ProjectionHandlerError} a key selector threw
   */
  keys(events: readonly RecordedEvent[]): readonly string[] | undefined;
  /** Brings a batch of events into a generation. */
  write(
    tx: Transaction,
    generation: number,
    events: readonly RecordedEvent[],
    surroundings: BatchSurroundings,
  ): Promise<void>;
}
