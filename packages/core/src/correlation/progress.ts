/** What a correlation knows beside what is open: one document of its collection. Times are milliseconds since 1970. */
export interface Progress {
  /** Operator that the open windows and attempts are of. */
  readonly shape: string;
  /** Everything up to this position of the log is taken in; as text. */
  position: string | undefined;
  /** Latest time of any event. */
  latest: number | undefined;
  /** No key has anything that ends before it: a lower bound. */
  nextDue: number | undefined;
  /** When the earliest timer rings that is set, by the timers' clock. */
  timer: number | undefined;
  /** When the latest timer that has rung was to ring: the next one is later, so that its tick is another. */
  rung: number | undefined;
  /** How far the timers' clock is ahead of the log's, as far as it is known. */
  skew: number;
  /** Keys with something open. */
  keys: number;
  taken: number;
  late: number;
  dropped: number;
  /** Windows closed and matches found. */
  completed: number;
  /** Events derived. */
  emitted: number;
}

export const startingProgress = (shape: string): Progress => ({
  shape,
  position: undefined,
  latest: undefined,
  nextDue: undefined,
  timer: undefined,
  rung: undefined,
  skew: 0,
  keys: 0,
  taken: 0,
  late: 0,
  dropped: 0,
  completed: 0,
  emitted: 0,
});
