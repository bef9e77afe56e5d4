import type { Backend } from '@tidemark/core';
import type { ArchiveOptions, ArchiveProgress } from './archive-options.js';

/** A {@link Backend} whose log lies in PostgreSQL's tables, and what can be done to them besides. */
export interface SqlBackend extends Backend {
  /**
   * Moves old events out of the table `events` into `archived_events`, so that what is in daily use stays small. Nothing changes
   * for readers: every read, subscription, and repeated append finds archived events where they have always been.
   *
   * It goes forwards through the log, a batch in a transaction, beside everything else that is going on. If it is aborted or
   * fails, or its process dies, the batches until then are archived, and the next call goes on. Two at once do no harm.
   * The last event of each stream stays where it is, so that appends need not look for it.
   *
   * @returns what was done
   *
   * @throws {InvalidArgumentError} neither `upTo` nor `olderThanMs` is given, or an option is out of its bounds
   * @throws the reason of `signal`, when it is aborted
   *
   * @example
   * ```ts
   * await backend.archive({ olderThanMs: 90 * 24 * 60 * 60 * 1000 });
   * ```
   */
  archive(options: ArchiveOptions): Promise<ArchiveProgress>;
}
