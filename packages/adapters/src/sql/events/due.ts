/** How long to wait for what another process hands on before looking at the database oneself, in milliseconds. */
const patienceMs = 25;

/** Shortest wait behind a look that failed, in milliseconds; doubled with each that follows, up to the longest. */
const leastRetryMs = 50;
const longestRetryMs = 2_000;

/** Shortest wait behind a look that found something held back, in milliseconds; doubled with each that follows. */
const leastHeldMs = 2;

/** What someone has said to be behind the end: up to a position, or nobody knows how far. */
type Owed = bigint | 'unknown' | undefined;

const both = (one: Owed, other: Owed): Owed => {
  if (one === undefined || other === undefined) return one ?? other;
  if (one === 'unknown' || other === 'unknown') return 'unknown';
  return one > other ? one : other;
};

/**
 * Decides when the database is to be looked at: when someone has said that there is more, when it was not looked at for a
 * while, and, after a failure, not again at once. A look answers what was said before it began.
 *
 * Where events are held back by a writer that has not ended yet, it is looked again soon, and then less and less often: one
 * that commits says so, but of one that rolls back nobody hears.
 */
export class Due {
  readonly #pollMs: number;
  readonly #isPatient: () => boolean;
  /** What no look has begun for. */
  #owed: Owed;
  /** Since when. */
  #since = 0;
  /** What the look that is under way began for. */
  #answering: Owed;
  #failures = 0;
  /** How many looks in a row found something held back. */
  #held = 0;
  /** When the last look ended. */
  #looked = Number.NEGATIVE_INFINITY;
  #rouse: (() => void) | undefined;

  /**
   * @param pollMs longest time without a look, in milliseconds
   * @param isPatient whether what is owed may come by itself within a moment
   */
  constructor(pollMs: number, isPatient: () => boolean) {
    this.#pollMs = pollMs;
    this.#isPatient = isPatient;
  }

  /** True when nothing was said that no look has answered. */
  get isFresh(): boolean {
    return this.#owed === undefined && this.#answering === undefined;
  }

  /** True when the last look failed. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** True when it is time to look. */
  get isNow(): boolean {
    return this.#msLeft() <= 0;
  }

  /**
   * There is more in the log.
   *
   * @param position how far, where it is known
   */
  owe(position: bigint | undefined): void {
    if (this.#owed === undefined) this.#since = performance.now();
    this.#owed = both(this.#owed, position ?? 'unknown');
    this.rouse();
  }

  /** Everything up to here has come. */
  reached(position: bigint): void {
    if (typeof this.#owed === 'bigint' && this.#owed <= position) this.#owed = undefined;
    if (typeof this.#answering === 'bigint' && this.#answering <= position) this.#answering = undefined;
  }

  /** A look begins. */
  begin(): void {
    this.#answering = both(this.#answering, this.#owed);
    this.#owed = undefined;
  }

  /** @param held whether there is more than is safe to read */
  succeed(held: boolean): void {
    this.#answering = undefined;
    this.#failures = 0;
    this.#held = held ? this.#held + 1 : 0;
    this.#looked = performance.now();
  }

  fail(): void {
    this.#owed = both(this.#owed, this.#answering);
    this.#answering = undefined;
    this.#failures += 1;
    this.#looked = performance.now();
  }

  /** Waits until it may be time to look, or until {@link rouse}. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#rouse = undefined;
        resolve();
      };
      const timer = setTimeout(done, this.#msLeft());
      this.#rouse = done;
    });
  }

  /** Has whoever waits see anew whether it is time. */
  rouse(): void {
    this.#rouse?.();
  }

  #msLeft(): number {
    const now = performance.now();
    const poll = this.#looked + this.#pollMs - now;
    if (this.#failures > 0) {
      const pause = Math.min(leastRetryMs * 2 ** (this.#failures - 1), longestRetryMs);
      return Math.min(poll, this.#looked + pause - now);
    }
    if (this.#owed === undefined) {
      if (this.#held === 0 || this.#isPatient()) return poll;
      return Math.min(poll, this.#looked + leastHeldMs * 2 ** (this.#held - 1) - now);
    }
    return this.#isPatient() ? Math.min(poll, this.#since + patienceMs - now) : 0;
  }
}
