import { StoreUnavailableError } from '@tidemark/core';
import type { AppendResult } from '@tidemark/core';
import { ConnectionLostError, type SqlSession } from '../driver.js';
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
 * Coalesces appends: those that arrive while all lanes are at work go out together as one call when one is free, so that many
 * callers share the cost of a round trip and a commit. A lone append goes out at once, by itself. Appends to one stream are in
 * one lane at a time, in their order.
 *
 * One bad append never fails its neighbours: if a call fails as a whole, each of its appends is tried by itself. (A call is
 * one transaction, so nothing of it was written. If the connection broke while it was committing, an append may have been
 * written nevertheless; tried again with the same ids it is answered as done, which is why ids count as given then.) While the
 * store cannot be reached at all, none is tried further.
 */
export class AppendQueue {
  readonly #session: SqlSession;
  readonly #functions: AppendFunctions;
  readonly #onAppended: (position: bigint) => void;
  readonly #lanes: number;
  /** The streams of what is on its way. */
  readonly #underWay = new Set<string>();
  #waiting: Waiting[] = [];
  #busy = 0;
  #waking = false;

  /**
   * @param onAppended called after each call that wrote something, with the last position that it wrote
   * @param lanes most calls on their way at the same time
   */
  constructor(
    session: SqlSession,
    functions: AppendFunctions,
    onAppended: (position: bigint) => void,
    lanes: number,
  ) {
    this.#session = session;
    this.#functions = functions;
    this.#onAppended = onAppended;
    this.#lanes = lanes;
  }

  append(append: EncodedAppend): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        append,
        settle: (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)),
        fail: reject,
      });
      this.#wake();
    });
  }

  /**
   * Puts a free lane to work when all that is under way in this turn has come: those whose appends were just answered make
   * their next ones together.
   */
  #wake(): void {
    if (this.#waking || this.#busy >= this.#lanes) return;
    this.#waking = true;
    process.nextTick(() => {
      this.#waking = false;
      void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#busy += 1;
    for (let batch = this.#takeBatch(); batch.length > 0; batch = this.#takeBatch()) {
      const [first, second] = batch;
      if (first !== undefined && second === undefined) await this.#sendAlone(first);
      else await this.#sendTogether(batch);
      for (const { append } of batch) this.#underWay.delete(append.stream);
    }
    this.#busy -= 1;
  }

  /** As many as fit, in their order, but each stream once: the next append to it decides on what this one leaves. */
  #takeBatch(): readonly Waiting[] {
    const streams = new Set(this.#underWay);
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
    for (const { append } of batch) this.#underWay.add(append.stream);
    return batch;
  }

  async #sendTogether(batch: readonly Waiting[]): Promise<void> {
    try {
      const appends = batch.map(({ append }) => append);
      const outcomes = appends.every(({ events }) => events.length === 1)
        ? await this.#functions.singles(this.#session, appends)
        : await this.#functions.many(this.#session, appends, false);
      this.#tell(outcomes);
      for (const [index, waiting] of batch.entries()) waiting.settle(outcomes[index] as AppendOutcome);
    } catch (error) {
      if (isAway(error)) for (const { fail } of batch) fail(error);
      else await this.#sendEach(batch);
    }
  }

  /** Tries each by itself, until the store is away. */
  async #sendEach(batch: readonly Waiting[]): Promise<void> {
    let away: unknown;
    for (const { append, settle, fail } of batch) {
      if (away !== undefined) {
        fail(away);
        continue;
      }
      try {
        settle(await this.#one(retried(append)));
      } catch (error) {
        fail(error);
        if (isAway(error)) away = error;
      }
    }
  }

  async #sendAlone({ append, settle, fail }: Waiting): Promise<void> {
    try {
      settle(await this.#one(append));
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) {
        fail(error);
        return;
      }
      // Whether it was written, its ids tell.
      await this.#one(retried(append)).then(settle, fail);
    }
  }

  async #one(append: EncodedAppend): Promise<AppendOutcome> {
    const outcome = await this.#functions.one(this.#session, append);
    this.#tell([outcome]);
    return outcome;
  }

  #tell(outcomes: readonly AppendOutcome[]): void {
    const positions = outcomes.flatMap((outcome) =>
      outcome instanceof Error || outcome.alreadyAppended ? [] : [outcome.position],
    );
    const last = positions.reduce((largest, position) => (position > largest ? position : largest), 0n);
    if (positions.length > 0) this.#onAppended(last);
  }
}

/** True for an error that says that the store cannot be reached, but not for that of one connection that broke. */
const isAway = (error: unknown): boolean =>
  error instanceof StoreUnavailableError && !(error instanceof ConnectionLostError);

/** The same append with the order to look whether it took place already. */
export const retried = (append: EncodedAppend): EncodedAppend => ({
  ...append,
  events: append.events.map((event) => ({ ...event, idGiven: true })),
});
