import type { AppendResult } from '@tidemark/core';
import type { SqlSession } from '../driver.js';
import type { AppendFunctions, AppendOutcome, EncodedAppend } from './append.js';

/** Most appends in one call. More would make those at its front wait for those at its end. */
const mostAppends = 200;

/** Most events in one call, but for a single append that has more. */
const mostEvents = 2_000;

interface Waiting {
  readonly append: EncodedAppend;
  readonly settle: (outcome: AppendOutcome) => void;
  readonly fail: (reason: unknown) => void;
}

/**
 * Coalesces appends: those that arrive while one is on its way go out together as one call when it is back, so that many
 * callers share the cost of a round trip and a commit. A lone append goes out at once, by itself.
 *
 * One bad append never fails its neighbours: if a call fails as a whole, each of its appends is tried by itself. (A call is
 * one transaction, so nothing of it was written. If the connection broke while it was committing, an append may have been
 * written nevertheless; tried again with the same ids it is answered as done, which is why ids count as given then.)
 */
export class AppendQueue {
  readonly #session: SqlSession;
  readonly #functions: AppendFunctions;
  readonly #onAppended: () => void;
  #waiting: Waiting[] = [];
  #busy = false;

  /** @param onAppended called after each call that wrote something */
  constructor(session: SqlSession, functions: AppendFunctions, onAppended: () => void) {
    this.#session = session;
    this.#functions = functions;
    this.#onAppended = onAppended;
  }

  append(append: EncodedAppend): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        append,
        settle: (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)),
        fail: reject,
      });
      if (!this.#busy) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      const [first, second] = batch;
      if (first !== undefined && second === undefined) await this.#sendAlone(first);
      else await this.#sendTogether(batch);
    }
    this.#busy = false;
  }

  /** As many as fit, in their order, but each stream once: the next append to it decides on what this one leaves. */
  #takeBatch(): readonly Waiting[] {
    const streams = new Set<string>();
    const batch: Waiting[] = [];
    const left: Waiting[] = [];
    let events = 0;
    for (const waiting of this.#waiting) {
      const { stream, events: own } = waiting.append;
      const fits = batch.length === 0 || (batch.length < mostAppends && events + own.length <= mostEvents);
      if (fits && !streams.has(stream)) {
        batch.push(waiting);
        events += own.length;
      } else {
        left.push(waiting);
      }
      streams.add(stream);
    }
    this.#waiting = left;
    return batch;
  }

  async #sendTogether(batch: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#functions.many(
        this.#session,
        batch.map(({ append }) => append),
        false,
      );
      if (outcomes.some(isWritten)) this.#onAppended();
      for (const [index, waiting] of batch.entries()) waiting.settle(outcomes[index] as AppendOutcome);
    } catch {
      for (const waiting of batch) await this.#sendAlone({ ...waiting, append: retried(waiting.append) });
    }
  }

  async #sendAlone({ append, settle, fail }: Waiting): Promise<void> {
    try {
      const outcome = await this.#functions.one(this.#session, append);
      if (isWritten(outcome)) this.#onAppended();
      settle(outcome);
    } catch (error) {
      fail(error);
    }
  }
}

const isWritten = (outcome: AppendOutcome): boolean =>
  !(outcome instanceof Error) && !outcome.alreadyAppended;

const retried = (append: EncodedAppend): EncodedAppend => ({
  ...append,
  events: append.events.map((event) => ({ ...event, idGiven: true })),
});
