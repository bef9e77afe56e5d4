import { defaultBatchSize, RetrySchedule, StoreUnavailableError } from '@tidemark/core';
import type {
  RecordedEvent,
  RetryWaits,
  SubscribeOptions,
  Subscription,
  SubscriptionBatch,
} from '@tidemark/core';
import type { EventRows } from './event-rows.js';
import type { LogPage, LogPages } from './log-page.js';
import type { LogTail, OnCancel } from './log-tail.js';
import { PagesAhead } from './pages-ahead.js';
import { RowFilter } from './row-filter.js';

/** What a subscription reads from. */
export interface SubscriptionSource {
  readonly pages: LogPages;
  readonly tail: LogTail;
  readonly rows: EventRows;
  /** Whether the database is to be at work on a page while the one before is used. */
  readonly readsAhead: boolean;
}

/** How pages that could not be read are asked for again. */
const retries = new RetrySchedule({ initialDelayMs: 50, maxDelayMs: 2_000 });

/** A step through the log. */
interface Step {
  readonly events: readonly RecordedEvent[];
  readonly position: bigint;
}

/**
 * A reader that follows the log. It holds no events, only its place; when it is pulled it takes what comes next, from the
 * tail in memory if that reaches back so far, and otherwise by a page from the database. While the database is away it waits.
 */
export class SqlSubscription implements Subscription {
  readonly #source: SubscriptionSource;
  readonly #options: SubscribeOptions;
  readonly #filter: RowFilter;
  readonly #pages: PagesAhead;
  readonly #batches: AsyncGenerator<SubscriptionBatch, void, undefined>;
  readonly #onEnd: (subscription: SqlSubscription) => void;
  readonly #abort = (): void => this.#end();
  #closed = false;
  #cancelWait: (() => void) | undefined;
  /** While pages cannot be read: how long to wait from try to try. */
  #pauses: RetryWaits | undefined;

  constructor(
    source: SubscriptionSource,
    options: SubscribeOptions,
    onEnd: (subscription: SqlSubscription) => void,
  ) {
    this.#source = source;
    this.#options = options;
    this.#filter = new RowFilter(source.rows, options.filter);
    this.#pages = new PagesAhead(source.pages, {
      direction: 'forwards',
      filter: options.filter,
      ahead: source.readsAhead,
    });
    this.#onEnd = onEnd;
    this.#batches = this.#run();
    if (options.signal?.aborted === true) this.#closed = true;
    else options.signal?.addEventListener('abort', this.#abort, { once: true });
  }

  [Symbol.asyncIterator](): AsyncIterator<SubscriptionBatch, void, undefined> {
    return this.#batches;
  }

  async close(): Promise<void> {
    this.#end();
    await this.#batches.return();
  }

  #end(): void {
    this.#closed = true;
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#onEnd(this);
    this.#cancelWait?.();
  }

  async *#run(): AsyncGenerator<SubscriptionBatch, void, undefined> {
    const { tail } = this.#source;
    if (this.#closed) return;
    try {
      await tail.enter(this.#onWait);
      yield* this.#follow();
    } catch (error) {
      // Closed with its backend while it read: that is its end, not an error.
      if (!this.#closed) throw error;
    } finally {
      tail.leave();
      this.#end();
    }
  }

  async *#follow(): AsyncGenerator<SubscriptionBatch, void, undefined> {
    const { tail } = this.#source;
    const { after = 0n } = this.#options;
    let position = after < 0n ? 0n : after;
    /** What was said last. */
    let told = position;
    let toldCaughtUp = false;
    /** True when it is time to say also what is no more than progress. */
    let tells = true;
    while (!this.#closed) {
      const { events, position: reached } =
        position < tail.end ? await this.#step(position) : nothing(position);
      position = reached;
      const isAtEnd = position >= tail.end;
      const caughtUp = isAtEnd && tail.fresh;
      const hasNews = position > told || (caughtUp && !toldCaughtUp);
      if (events.length > 0 || (hasNews && (tells || !isAtEnd))) {
        if (this.#closed) return;
        told = position;
        toldCaughtUp = caughtUp;
        tells = false;
        yield { events, position, caughtUp };
      }
      if (this.#closed || position < tail.end) continue;
      const due = position > told || !toldCaughtUp;
      const woken = await tail.wait({ mayMatch: this.#mayMatch, due }, this.#onWait);
      tells = woken === 'progress';
    }
  }

  readonly #mayMatch = (row: readonly (string | null)[]): boolean => this.#filter.mayMatch(row);
  readonly #onWait: OnCancel = (cancel) => {
    this.#cancelWait = cancel;
  };

  /** Takes what comes next, up to a batch. */
  async #step(position: bigint): Promise<Step> {
    const { tail } = this.#source;
    const { batchSize = defaultBatchSize } = this.#options;
    if (tail.holds(position)) return this.#fromTail(position, batchSize);
    const page = await this.#page(position, batchSize);
    if (page === undefined) return nothing(position);
    const reached = page.rest.from - 1n;
    // Whoever has come to the end looks again, so as not to say that nothing is left when there is.
    if (reached >= tail.end) await tail.look(this.#onWait);
    return { events: page.events, position: reached };
  }

  /** @returns `undefined` where the database was away: to be tried again, not at once, and not before a look at it succeeds */
  async #page(position: bigint, batchSize: number): Promise<LogPage | undefined> {
    const { tail } = this.#source;
    try {
      const page = await this.#pages.read({ from: position + 1n, to: tail.end }, batchSize);
      this.#pauses = undefined;
      return page;
    } catch (error) {
      if (this.#closed || !tail.isOpen || !(error instanceof StoreUnavailableError)) throw error;
    }
    this.#pauses ??= retries.waits();
    await this.#rest(this.#pauses.next());
    if (!this.#closed) await tail.look(this.#onWait);
    return undefined;
  }

  #rest(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#onWait(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #fromTail(after: bigint, batchSize: number): Step {
    const events: RecordedEvent[] = [];
    const position = this.#source.tail.visit(after, (row) => {
      const event = this.#filter.select(row);
      if (event !== undefined) events.push(event);
      return events.length < batchSize;
    });
    return { events, position };
  }
}

const nothing = (position: bigint): Step => ({ events: [], position });
