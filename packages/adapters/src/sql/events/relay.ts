import type { Health } from '@tidemark/core';
import type { SqlRow } from '../driver.js';

/** A stretch of the log: all events behind `after` up to `upTo`, with nothing missing between. */
export interface Stretch {
  readonly after: bigint;
  readonly upTo: bigint;
  /** The events, oldest first, as the database writes them. */
  readonly rows: readonly SqlRow[];
}

/** Whom a relay tells of what it hears. */
export interface RelayListener {
  /** Another process has appended, or may have. */
  wake(): void;
  /** Another process has read this from the database. */
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
   * Begins.
   *
   * @param log tells this log from every other one, and from itself restored from a backup
   */
  start(log: string, listener: RelayListener): void;
  stop(): Promise<void>;
  /** This process has committed an append. */
  announce(): void;
  /** True while this process is the one to hand on what it reads from the database. */
  readonly leads: boolean;
  /** True while another process is known to hand it on, so that waiting for it a moment is better than looking oneself. */
  readonly follows: boolean;
  /** Takes what this process has just read from the database. It may be dropped. */
  offer(stretch: Stretch): void;
  health(): Health;
}
