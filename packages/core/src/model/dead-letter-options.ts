/** How the dead letters of a processor are kept, and whether they are tried again by themselves. */
export interface DeadLetterOptions {
  /** Most letters of one sequence; with more to come, the processor fails. Default: 1,000. */
  readonly maxLetters?: number | undefined;
  /** Most sequences; with more to come, the processor fails. Default: 1,000. */
  readonly maxSequences?: number | undefined;
  /**
   * Has sequences tried again by themselves: the first letter, and if it can be handled, those behind it, until one fails. The
   * waits double, with jitter, until the letter is handled or discarded. Default: none, somebody must say so.
   */
  readonly retry?: DeadLetterRetry | undefined;
}

/** When parked sequences are tried again by themselves. */
export interface DeadLetterRetry {
  /** Milliseconds from parking to the first try. Default: 60,000. */
  readonly initialDelayMs?: number | undefined;
  /** Most milliseconds between two tries. Default: 3,600,000. */
  readonly maxDelayMs?: number | undefined;
}
