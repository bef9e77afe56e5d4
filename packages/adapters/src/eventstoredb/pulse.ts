import { RetrySchedule, sleep, systemClock } from '@tidemark/core';
import type { ClientFilterRule } from './client.js';
import type { Connection } from './connection.js';
import { Feed } from './feed.js';
import type { LogReads } from './log-reads.js';

/** Selects nothing: the server sends positions only. */
const positionsOnly = {
  filterOn: 'streamName' as const,
  prefixes: ['$tidemark-nothing'],
  checkpointInterval: 1,
  maxSearchWindow: 1,
} satisfies ClientFilterRule;

/**
 * Hears from the server how far the log is, while somebody wants to know: one subscription for the whole process, which brings
 * positions and no events. A filtered subscription learns by it that there is something to go past.
 */
export class Pulse {
  readonly #connection: Connection;
  readonly #log: LogReads;
  readonly #listeners = new Set<() => void>();
  #feed: Feed | undefined;
  #running = false;
  #wake: (() => void) | undefined;
  /** The last position that was heard of. */
  position = 0n;

  constructor(connection: Connection, log: LogReads) {
    this.#connection = connection;
    this.#log = log;
  }

  /** Calls back whenever the log has grown, until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (!this.#running) void this.#run();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#feed?.close();
      this.#wake?.();
    };
  }

  async #run(): Promise<void> {
    this.#running = true;
    let waits = new RetrySchedule().waits();
    while (this.#listeners.size > 0 && !this.#connection.closing.aborted) {
      const heard = await this.#follow();
      if (heard) waits = new RetrySchedule().waits();
      if (this.#listeners.size === 0) break;
      await sleep(systemClock, waits.next(), this.#connection.closing);
    }
    this.#running = false;
  }

  /** @returns true if it brought anything before it failed */
  async #follow(): Promise<boolean> {
    let heard = false;
    try {
      const head = await this.#log.head();
      // What came while it did not listen. What comes from here on the server tells, beginning there and not where it then ends.
      this.#reach(head);
      const feed = new Feed(
        this.#connection.client,
        {
          ...this.#connection.callOptions,
          fromPosition: head === 0n ? 'start' : { commit: head, prepare: head },
          filter: positionsOnly,
        },
        () => this.#wake?.(),
      );
      this.#feed = feed;
      while (feed.failure === undefined && this.#listeners.size > 0) {
        for (let item = feed.take(); item !== undefined; item = feed.take()) {
          if (item.kind === 'checkpoint' && this.#reach(item.position)) heard = true;
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      feed.close();
    } catch {
      // The backend was closed: the loop ends.
    }
    return heard;
  }

  /** @returns true if that is news */
  #reach(position: bigint): boolean {
    if (position <= this.position) return false;
    this.position = position;
    for (const listener of this.#listeners) listener();
    return true;
  }
}
