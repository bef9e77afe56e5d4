import type { Direction, RecordedEvent } from '@tidemark/core';
import type { ClientResolvedEvent } from './client.js';
import type { Connection } from './connection.js';
import { positionOf, type EventRecords, type StoredEvent } from './event-records.js';
import { readPage } from './read-page.js';

/** A page of the whole log. */
export interface LogPage {
  /** The events of it that are not the system's own. */
  readonly events: readonly RecordedEvent[];
  /** The last position in it, system events included; `undefined` if it is empty. */
  readonly last: bigint | undefined;
  /** True if there was nothing behind it. */
  readonly isEnd: boolean;
}

/** Most events in one page when a stream's hidden events are looked for. */
const pageSize = 2_000;

/** Reads the whole log page by page. */
export class LogReads {
  readonly #connection: Connection;
  readonly #records: EventRecords;
  /** A position that is known to be there, and all before it. */
  #seen = 0n;

  constructor(connection: Connection, records: EventRecords) {
    this.#connection = connection;
    this.#records = records;
  }

  /** The position of the last event in the log, system events included; `0n` for an empty log. */
  async head(): Promise<bigint> {
    const [last] = await this.#read('backwards', 'end', 1);
    const head = last === undefined ? 0n : positionOf(last);
    if (head > this.#seen) this.#seen = head;
    return head;
  }

  /**
   * The events behind a position (forwards) or before it (backwards), both exclusive.
   *
   * @param from a position of the log; `undefined`: from the beginning, or the end
   */
  async page(
    direction: Direction,
    from: bigint | undefined,
    limit: number,
    signal?: AbortSignal,
  ): Promise<LogPage> {
    const isForwards = direction === 'forwards';
    // The server takes only positions that are there.
    const isBeyond = from !== undefined && from > this.#seen && from > (await this.head());
    if (isBeyond && isForwards) return { events: [], last: undefined, isEnd: true };
    const start = from === undefined || isBeyond ? (isForwards ? 'start' : 'end') : from;
    // The event at the position itself comes along, and is left out.
    const asked = limit + 1;
    const resolved = await this.#read(direction, start, asked, signal);
    const wanted =
      from === undefined
        ? resolved
        : resolved.filter((each) => (isForwards ? positionOf(each) > from : positionOf(each) < from));
    const page = wanted.slice(0, limit);
    const end = page.at(-1);
    return {
      events: page.flatMap((each) => this.#records.fromLog(each)?.recorded ?? []),
      last: end === undefined ? undefined : positionOf(end),
      isEnd: resolved.length < asked && page.length === wanted.length,
    };
  }

  /** The event of a stream that stands at a position. */
  async at(position: bigint): Promise<RecordedEvent | undefined> {
    const [resolved] = await this.#read('forwards', position, 1);
    return resolved === undefined ? undefined : this.#records.fromLog(resolved)?.recorded;
  }

  /** All events of a stream up to a version, hidden ones too: goes through the whole log. */
  async ofStream(stream: string, last: number): Promise<readonly RecordedEvent[]> {
    const found: RecordedEvent[] = [];
    for (let from: bigint | undefined; ; ) {
      const page: LogPage = await this.page('forwards', from, pageSize);
      found.push(...page.events.filter((event) => event.stream === stream));
      if (page.last === undefined || (found.at(-1)?.version ?? -1) >= last) return found;
      from = page.last;
    }
  }

  /** The newest events of a stream, from a version on, in their order. */
  async backTo(stream: string, version: number): Promise<readonly StoredEvent[]> {
    const found: StoredEvent[] = [];
    for (let from: bigint | 'end' = 'end'; ; ) {
      const page = await this.#read('backwards', from, pageSize);
      const before = from;
      const wanted = page.filter((each) => before === 'end' || positionOf(each) < before);
      const end = wanted.at(-1);
      for (const resolved of wanted) {
        const stored = this.#records.fromLog(resolved);
        if (stored?.recorded.stream !== stream) continue;
        if (stored.recorded.version >= version) found.unshift(stored);
        if (stored.recorded.version <= version) return found;
      }
      if (end === undefined) return found;
      from = positionOf(end);
    }
  }

  async #read(
    direction: Direction,
    from: bigint | 'start' | 'end',
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly ClientResolvedEvent[]> {
    const { callOptions, closing } = this.#connection;
    return this.#connection.call(
      'reading the whole log',
      (client) =>
        readPage(
          client.readAll({
            ...callOptions,
            direction,
            fromPosition: typeof from === 'bigint' ? { commit: from, prepare: from } : from,
            maxCount: limit,
          }),
          [closing, signal],
        ),
      signal,
    );
  }
}
