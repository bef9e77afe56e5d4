import type { AppendResult, StreamAppend } from '../../log/event-store.js';
import { encodeEvents } from '../../log/encode-events.js';
import type { Codec } from '../../schema/codec.js';
import type { Clock } from '../../clock.js';
import { decideAppend } from './decide-append.js';
import { StoredEvent } from './stored-event.js';
import { StagedStream, StreamState } from './stream-state.js';

/**
 * The log as data: every event in order, and the same by stream. The event of position `n` is at index `n - 1`, since
 * positions are given out only for what is committed.
 */
export class Log {
  readonly events: StoredEvent[] = [];
  readonly codec: Codec;
  readonly clock: Clock;
  readonly #streams = new Map<string, StreamState>();
  readonly #listeners = new Set<() => void>();

  constructor(codec: Codec, clock: Clock) {
    this.codec = codec;
    this.clock = clock;
  }

  get head(): bigint {
    return BigInt(this.events.length);
  }

  find(stream: string): StreamState | undefined {
    return this.#streams.get(stream);
  }

  /** The stream, made if it is new. */
  stream(name: string): StreamState {
    let state = this.#streams.get(name);
    if (state === undefined) {
      state = new StreamState();
      this.#streams.set(name, state);
    }
    return state;
  }

  /** Adds events that were decided on, and wakes who waits for them. */
  commit(events: readonly StoredEvent[]): void {
    if (events.length === 0) return;
    for (const event of events) {
      this.events.push(event);
      this.stream(event.stream).push(event);
    }
    this.wake();
  }

  /** Calls back once, when there is something new. */
  onceChanged(listener: () => void): void {
    this.#listeners.add(listener);
  }

  forget(listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** Wakes all who wait, to look again. */
  wake(): void {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}

/**
 * Appends that are decided on, but not yet part of the log: those of one call, or of one transaction.
 * Nobody else may commit to the log meanwhile, since versions and positions are given out here.
 */
export class StagedAppends {
  readonly #log: Log;
  readonly #streams = new Map<string, StagedStream>();
  readonly #events: StoredEvent[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  /** Decides on all, then stages all: if one is refused, none is staged. The appends were checked. */
  append(appends: readonly StreamAppend[]): readonly AppendResult[] {
    const recordedAt = this.#log.clock.now();
    const decided = appends.map((append) => {
      const events = encodeEvents(append.events, this.#log.codec);
      const view = this.#view(append.stream);
      return {
        stream: append.stream,
        events,
        view,
        decision: decideAppend(append.stream, view, events, append.expectedVersion ?? 'any'),
      };
    });
    return decided.map(({ stream, events, view, decision }) => {
      if (decision.kind === 'repeated') {
        return {
          stream,
          version: decision.last.version,
          position: decision.last.position,
          alreadyAppended: true,
        };
      }
      let version = decision.firstVersion - 1;
      for (const event of events) {
        version += 1;
        const place = { stream, version, position: this.#head + 1n, recordedAt };
        const stored = new StoredEvent(event, place, this.#log.codec);
        this.#events.push(stored);
        view.push(stored);
      }
      return { stream, version, position: this.#head, alreadyAppended: false };
    });
  }

  commit(): void {
    this.#log.commit(this.#events);
  }

  /** Every event behind a position, committed ones and those staged here, in order. */
  *behind(after: bigint): Generator<StoredEvent, void, undefined> {
    const { events } = this.#log;
    for (let index = Number(after); index < events.length; index += 1) {
      const event = events[index];
      if (event !== undefined) yield event;
    }
    for (const event of this.#events) if (event.position > after) yield event;
  }

  /** One event of a stream, committed or staged here. */
  at(stream: string, version: number): StoredEvent | undefined {
    return (
      this.#log.find(stream)?.events[version] ??
      this.#events.find((event) => event.stream === stream && event.version === version)
    );
  }

  /** Where the log will end with what is staged. */
  get #head(): bigint {
    return this.#log.head + BigInt(this.#events.length);
  }

  #view(stream: string): StagedStream {
    let view = this.#streams.get(stream);
    if (view === undefined) {
      view = new StagedStream(this.#log.find(stream) ?? new StreamState());
      this.#streams.set(stream, view);
    }
    return view;
  }
}
