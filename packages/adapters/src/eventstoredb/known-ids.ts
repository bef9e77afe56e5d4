import type { RecordedEvent } from '@tidemark/core';

/** Where an event stands. */
export interface Place {
  readonly version: number;
  readonly position: bigint;
}

/** Most ids that are remembered, over all streams. */
const mostIds = 200_000;

/** Ids of one stream, of all events of a stretch of versions. */
export class StreamIds {
  /** The first version of the stretch. 0: nothing is before it that is not known. */
  from: number;
  /** The version behind the stretch. */
  next: number;
  readonly byId = new Map<string, Place>();
  /** When events of the stream were read or appended last, by the machine's clock in milliseconds. */
  seenAt = 0;

  constructor(from: number) {
    this.from = from;
    this.next = from;
  }
}

/**
 * Remembers which ids are in which stream, since the server has no index of them. Of the streams used least recently it forgets
 * all; then they are read again.
 */
export class KnownIds {
  readonly #streams = new Map<string, StreamIds>();
  #size = 0;

  get(stream: string): StreamIds | undefined {
    const ids = this.#streams.get(stream);
    if (ids === undefined) return undefined;
    this.#streams.delete(stream);
    this.#streams.set(stream, ids);
    return ids;
  }

  /**
   * Takes in events of a stream that follow each other.
   *
   * @param from the version that they were asked for from: none that can be read stands between it and the first of them
   */
  learn(stream: string, events: readonly RecordedEvent[], from: number): void {
    const first = events[0];
    let ids = this.#streams.get(stream);
    if (first === undefined || (ids !== undefined && from > ids.next)) return;
    if (ids === undefined) {
      if (from > 0 && first.version > 0) return;
      ids = new StreamIds(first.version);
      this.#streams.set(stream, ids);
    }
    // What lies between was hidden before it was seen.
    if (first.version > ids.next) ids.from = first.version;
    ids.seenAt = Date.now();
    for (const { id, version, position } of events) {
      if (version < ids.next) continue;
      this.#add(ids, id, { version, position });
      ids.next = version + 1;
    }
    this.#trim(stream);
  }

  /** The stream is no longer as it was when it was read. */
  distrust(stream: string): void {
    const ids = this.#streams.get(stream);
    if (ids !== undefined) ids.seenAt = 0;
  }

  /** Takes in all events before the stretch that is known. */
  learnHidden(stream: string, events: readonly RecordedEvent[]): void {
    const ids = this.#streams.get(stream) ?? new StreamIds(0);
    this.#streams.set(stream, ids);
    for (const { id, version, position } of events) {
      if (!ids.byId.has(id)) this.#add(ids, id, { version, position });
      ids.next = Math.max(ids.next, version + 1);
    }
    ids.from = 0;
    this.#trim(stream);
  }

  #add(ids: StreamIds, id: string, place: Place): void {
    if (!ids.byId.has(id)) this.#size += 1;
    ids.byId.set(id, place);
  }

  #trim(newest: string): void {
    for (const [stream, ids] of this.#streams) {
      if (this.#size <= mostIds || stream === newest) return;
      this.#size -= ids.byId.size;
      this.#streams.delete(stream);
    }
  }
}
