import { setImmediate } from 'node:timers/promises';
import type { EventFilter } from '@tidemark/core';
import type { LogPage, LogPages, LogRange, RawPage } from './log-page.js';

/** Options of {@link PagesAhead}. */
export interface PagesAheadOptions {
  readonly direction: 'forwards' | 'backwards';
  readonly filter: EventFilter | undefined;
  /** Whether the next page is asked for before this one is decoded. */
  readonly ahead: boolean;
}

interface Asked {
  readonly range: LogRange;
  readonly limit: number;
  readonly page: Promise<RawPage>;
}

/**
 * Pages for one reader who goes on and on: the database is at work on the next one while this one is decoded and used. Never
 * more than one is read ahead.
 */
export class PagesAhead {
  readonly #pages: LogPages;
  readonly #options: PagesAheadOptions;
  #asked: Asked | undefined;

  constructor(pages: LogPages, options: PagesAheadOptions) {
    this.#pages = pages;
    this.#options = options;
  }

  /**
   * Reads a page.
   *
   * @param range what is left to be read; its far end may have moved on since the page was asked for, and is then read later
   * @param limit most events in the page; from 1
   */
  async read(range: LogRange, limit: number): Promise<LogPage> {
    const { direction, filter, ahead } = this.#options;
    const forwards = direction === 'forwards';
    const asked = this.#asked;
    this.#asked = undefined;
    const fits = asked !== undefined && asked.limit === limit && begins(asked.range, range, forwards);
    const page = await (fits ? asked.page : this.#pages.fetch(range, limit, direction, filter));
    const { rest } = page;
    if (ahead && rest.from <= rest.to) {
      const next = this.#pages.fetch(rest, limit, direction, filter);
      // Whoever reads on hears of it; whoever does not need not.
      next.catch(() => undefined);
      this.#asked = { range: rest, limit, page: next };
      // Decoding blocks everything: first the question must be on its way.
      await setImmediate();
    }
    return { events: this.#pages.decode(page, filter), rest };
  }
}

const begins = (asked: LogRange, range: LogRange, forwards: boolean): boolean =>
  forwards ? asked.from === range.from : asked.to === range.to;
