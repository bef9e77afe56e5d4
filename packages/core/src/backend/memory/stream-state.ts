import type { StoredEvent } from './stored-event.js';

/** Where an event stands. */
export interface Place {
  readonly version: number;
  readonly position: bigint;
}

/** What an append must know of a stream to be decided on. */
export interface StreamView {
  /** Version of the last event ever written, deleted ones included; -1 for none. */
  readonly lastVersion: number;
  /** First version since the stream was soft-deleted last; 0 if it never was. */
  readonly firstVersion: number;
  readonly tombstoned: boolean;
  /** Where the event with this id stands, deleted and truncated ones included. */
  find(id: string): Place | undefined;
}

/** The version that the outside sees: `undefined` if the stream was never written, or was soft-deleted since. */
export const visibleVersion = (view: StreamView): number | undefined =>
  view.lastVersion < view.firstVersion ? undefined : view.lastVersion;

/** One stream of the memory log. */
export class StreamState implements StreamView {
  readonly events: StoredEvent[] = [];
  readonly #byId = new Map<string, StoredEvent>();
  firstVersion = 0;
  tombstoned = false;
  /** Settings as text. */
  metadata = '{}';

  get lastVersion(): number {
    return this.events.length - 1;
  }

  find(id: string): StoredEvent | undefined {
    return this.#byId.get(id);
  }

  push(event: StoredEvent): void {
    this.events.push(event);
    this.#byId.set(event.id, event);
  }
}

/** A stream as a transaction sees it: with what the transaction appended. */
export class StagedStream implements StreamView {
  readonly #below: StreamView;
  readonly #byId = new Map<string, Place>();
  #lastVersion: number;

  constructor(below: StreamView) {
    this.#below = below;
    this.#lastVersion = below.lastVersion;
  }

  get lastVersion(): number {
    return this.#lastVersion;
  }

  get firstVersion(): number {
    return this.#below.firstVersion;
  }

  get tombstoned(): boolean {
    return this.#below.tombstoned;
  }

  find(id: string): Place | undefined {
    return this.#byId.get(id) ?? this.#below.find(id);
  }

  push(event: StoredEvent): void {
    this.#lastVersion = event.version;
    this.#byId.set(event.id, event);
  }
}
