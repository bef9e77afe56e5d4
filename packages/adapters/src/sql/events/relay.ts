import type { Health } from '@tidemark/core';
import type { SqlRow } from '../driver.js';

/** A stretch of the log: all events behind `after` up to `upTo`, with nothing missing between. */
export interface Stretch {
  readonly after: bigint;
  readonly upTo: bigint;
  /** The events, oldest first, as the database writes them: the columns of `eventColumns`. */
  readonly rows: readonly SqlRow[];
}

/** Whom a relay tells of what it hears. What comes behind the relay's stop counts for nothing. */
export interface RelayListener {
  /**
   * There may be more in the log: someone has appended, or may have done so unheard. It makes this process look at the
   * database, so a process to which the events themselves are brought need not be told.
   */
  wake(): void;
  /** Another process has read this from the database and found it safe: everything up to `upTo` is in it or before it. */
  stretch(stretch: Stretch): void;
}

/**
 * Carries wake-ups, and perhaps the newest events, from process to process.
 *
 * It is expendable: whatever it loses, repeats or delays, subscriptions deliver the same events; only how soon, and at whose
 * cost, changes. None of its methods throws, and none waits for what is away.
 */
export interface Relay {
  /**
   * Begins, or begins again behind {@link stop}. Until {@link interest} says otherwise, nobody here subscribes.
   *
   * @param log tells this log from every other one, and from itself restored from a backup or failed over: 32 hexadecimal
   *   digits. When it changes, the relay is stopped, and started with the new one
   */
  start(log: string, listener: RelayListener): void;
  /** Ends it; it can be started again. */
  stop(): Promise<void>;
  /** Says whether anybody here subscribes. Where nobody does, the database is not looked at, and stretches are of no use. */
  interest(any: boolean): void;
  /** This process has committed an append. */
  announce(): void;
  /** True while this process is the one to hand on what it reads from the database. */
  readonly leads: boolean;
  /** True while another process is known to hand it on, so that waiting for it a moment is better than looking oneself. */
  readonly follows: boolean;
  /** Takes what this process has just read from the database, if it {@link leads}. It may be dropped. */
  offer(stretch: Stretch): void;
  /** How well it works, from what it knows already. */
  health(): Health;
}
