/** Something to be done at a time, kept until it is done. */
export interface Timer {
  /** Unique; scheduling the same id again changes nothing. */
  readonly id: string;
  /** Who takes it, e.g. `saga:research`. */
  readonly target: string;
  readonly dueAt: Date;
  /** What the target needs to know; JSON. */
  readonly payload: unknown;
}

/** Whose due timers to claim, how many, and for how long. */
export interface ClaimOptions {
  readonly target: string;
  /** Most timers to claim. */
  readonly limit: number;
  /** How long the claim holds, in milliseconds; then others may claim what was not completed. */
  readonly claimMs: number;
}

/** Durable timers. Time is the store's own clock, so that nodes with skewed clocks agree. */
export interface TimerStore {
  /** Keeps all of these timers, or none. */
  schedule(timers: readonly Timer[]): Promise<void>;
  /** Takes due timers, earliest first, so that no one else gets them while the claim holds. */
  claimDue(options: ClaimOptions): Promise<readonly Timer[]>;
  /** Removes timers: they are done, or no longer wanted. Unknown ids are no error. */
  remove(ids: readonly string[]): Promise<void>;
  /**
   * Milliseconds until a timer of the target can be claimed (0 if one can), or `undefined` if there is none.
   * One that is claimed can be claimed again when its claim ends.
   */
  untilNextDue(target: string): Promise<number | undefined>;
  /** Timers of a target, earliest first. Default limit: 100. */
  list(target: string, limit?: number): Promise<readonly Timer[]>;
}
