import type { DeadLetterStore, NewDeadLetter } from '../backend/dead-letters.js';
import { sleep, type Clock } from '../clock.js';
import { ConfigurationError } from '../error.js';
import type { DeadLetterOptions } from '../model/dead-letter-options.js';
import { checkRetry, retryDelay } from './dead-letter-retry.js';
import { DeadLettersFullError } from './errors.js';
import { isOutage } from './outage.js';
import { RetrySchedule } from './retry-schedule.js';

/** Sequences that are asked for at once. */
const PAGE = 500;

export interface ParkingOptions {
  readonly store: DeadLetterStore;
  readonly processor: string;
  readonly clock: Clock;
  readonly limits: DeadLetterOptions;
  /** Called when there are more or fewer letters. */
  readonly changed: () => void;
}

/** What the dead letters of a processor are, as far as is known here. */
export interface DeadLetterTotals {
  readonly sequences: number;
  readonly letters: number;
}

/** How many letters a sequence has, and whether its first one was never tried. */
interface KnownSequence {
  letters: number;
  isUntried: boolean;
}

/**
 * The sequences of a processor that have dead letters: what of a key is to wait behind one that failed.
 *
 * Which they are is kept in memory, so that events of all other keys cost nothing. A sequence that is not known here has none, since
 * only who handles a key parks it, and who takes a key over loads them first. One that is known may be gone meanwhile: the store is
 * asked before anything is parked behind it.
 */
export class Parking {
  readonly #options: ParkingOptions;
  readonly #most: { readonly letters: number; readonly sequences: number };
  readonly #known = new Map<string, KnownSequence>();
  /** New sequences on their way into the store: they take up room already. */
  readonly #entering = new Set<string>();
  /** Sequences parked while a look at the store was under way, which it may not have seen. */
  #parkedMeanwhile: Set<string> | undefined;
  #loading: Promise<void> | undefined;

  /** @throws {ConfigurationError} a limit is no whole number from 1 */
  constructor(options: ParkingOptions) {
    this.#options = options;
    const { maxLetters = 1_000, maxSequences = 1_000 } = options.limits;
    for (const [name, value] of Object.entries({ maxLetters, maxSequences })) {
      if (Number.isSafeInteger(value) && value >= 1) continue;
      throw new ConfigurationError(
        `deadLetters.${name} of "${options.processor}" must be a whole number from 1, not ${String(value)}.`,
      );
    }
    if (options.limits.retry !== undefined) checkRetry(options.limits.retry, options.processor);
    this.#most = { letters: maxLetters, sequences: maxSequences };
  }

  get totals(): DeadLetterTotals {
    let letters = 0;
    for (const sequence of this.#known.values()) letters += sequence.letters;
    return { sequences: this.#known.size, letters };
  }

  /** Sequences whose first letter was never tried: what it waited behind is gone, and it may be handled. */
  get untried(): readonly string[] {
    return [...this.#known].filter(([, { isUntried }]) => isUntried).map(([sequence]) => sequence);
  }

  /** True if events of the sequence must wait; then {@link follow} says whether they really do. */
  mayWait(sequence: string): boolean {
    return this.#known.size > 0 && this.#known.has(sequence);
  }

  /** Looks at the store. Several at a time share one look. */
  load(): Promise<void> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
      this.#parkedMeanwhile = undefined;
    });
    return this.#loading;
  }

  /**
   * Parks an event that failed. Whatever the store does, it is tried until it is parked.
   *
   * @throws {DeadLettersFullError} there is no room
   * @throws the store's error, if it is none that passes; the signal's reason
   */
  async park(letter: NewDeadLetter, failure: Error, signal: AbortSignal): Promise<void> {
    const { sequence } = letter;
    if (!this.#hasRoomFor(sequence)) {
      await this.#insisting(() => this.load(), signal);
      if (!this.#hasRoomFor(sequence)) {
        throw this.#full(letter, { of: 'sequences', most: this.#most.sequences }, failure);
      }
    }
    if (!this.#known.has(sequence)) this.#entering.add(sequence);
    const { retry } = this.#options.limits;
    try {
      await this.#add(retry === undefined ? letter : { ...letter, dueInMs: retryDelay(retry, 0) }, signal);
    } finally {
      this.#entering.delete(sequence);
    }
  }

  /**
   * Parks an event behind others of its sequence, if there still are any.
   *
   * @returns false if there are none: it is to be handled
   * @throws {DeadLettersFullError} the sequence is full
   * @throws the store's error, if it is none that passes; the signal's reason
   */
  async follow(letter: NewDeadLetter, signal: AbortSignal): Promise<boolean> {
    const { store, processor } = this.#options;
    const { sequence } = letter;
    const parked = await this.#insisting(() => store.parked(processor, [sequence]), signal);
    if (!parked.has(sequence)) {
      this.#known.delete(sequence);
      this.#options.changed();
      return false;
    }
    if ((this.#known.get(sequence)?.letters ?? 0) >= this.#most.letters) {
      await this.#insisting(() => this.load(), signal);
      if ((this.#known.get(sequence)?.letters ?? 0) >= this.#most.letters) {
        throw this.#full(letter, { of: 'letters', most: this.#most.letters }, undefined);
      }
    }
    await this.#add(letter, signal);
    // Those before it may have been handled since the look: then it is alone there, and nobody would come for it.
    const [first] = await this.#insisting(() => store.letters(processor, sequence, { limit: 1 }), signal);
    const known = this.#known.get(sequence);
    if (known !== undefined && first !== undefined) known.isUntried = first.error === undefined;
    return true;
  }

  async #add(letter: NewDeadLetter, signal: AbortSignal): Promise<void> {
    const { store, processor, changed } = this.#options;
    await this.#insisting(() => store.park(processor, [letter]), signal);
    this.#parkedMeanwhile?.add(letter.sequence);
    this.#entering.delete(letter.sequence);
    const known = this.#known.get(letter.sequence);
    if (known === undefined)
      this.#known.set(letter.sequence, { letters: 1, isUntried: letter.error === undefined });
    else known.letters += 1;
    changed();
  }

  async #load(): Promise<void> {
    const { store, processor, changed } = this.#options;
    this.#parkedMeanwhile = new Set();
    const found = new Map<string, KnownSequence>();
    for (let after: string | undefined; ; ) {
      const page = await store.sequences(processor, {
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
      });
      for (const { sequence, letters, first } of page) {
        found.set(sequence, { letters, isUntried: first.error === undefined });
      }
      after = page.at(-1)?.sequence;
      if (after === undefined || page.length < PAGE) break;
    }
    for (const sequence of this.#known.keys()) {
      if (!found.has(sequence) && !this.#parkedMeanwhile.has(sequence)) this.#known.delete(sequence);
    }
    for (const [sequence, known] of found) this.#known.set(sequence, known);
    changed();
  }

  /** Does it until the store is there; other errors pass through. */
  async #insisting<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const waits = new RetrySchedule().waits();
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!isOutage(error)) throw error;
        await sleep(this.#options.clock, waits.next(), signal);
        signal.throwIfAborted();
      }
    }
  }

  #hasRoomFor(sequence: string): boolean {
    const taken = this.#known.size + this.#entering.size;
    return taken < this.#most.sequences || this.#known.has(sequence) || this.#entering.has(sequence);
  }

  #full(
    { sequence }: NewDeadLetter,
    limit: DeadLettersFullError['limit'],
    failure: Error | undefined,
  ): DeadLettersFullError {
    return new DeadLettersFullError(this.#options.processor, sequence, limit, failure);
  }
}
