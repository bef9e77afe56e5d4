import { InvalidArgumentError } from '@tidemark/core';

/** Which events are archived, and how. At least one of `upTo` and `olderThanMs` must be given; if both are, both must hold. */
export interface ArchiveOptions {
  /** Last position to archive, inclusive. Default: the safe head. */
  readonly upTo?: bigint | undefined;
  /**
   * Archive what was recorded longer ago than this, by the database's clock, in milliseconds. It ends at the first batch in
   * which nothing is that old. Default: whatever its age.
   */
  readonly olderThanMs?: number | undefined;
  /**
   * Begin behind this position, exclusive: the `position` of an earlier run, so as not to look again at the events that it left
   * where they are, which were the last ones of their streams, or too young then. Default: the beginning of the log.
   */
  readonly after?: bigint | undefined;
  /** Most events that one transaction looks at, from 1 to 100,000. Default: 1,000. */
  readonly batchSize?: number | undefined;
  /** Called after each batch; the next one waits for it, so it can also spare the database. */
  readonly onProgress?: ((progress: ArchiveProgress) => void | Promise<void>) | undefined;
  /** Ends it between two batches. */
  readonly signal?: AbortSignal | undefined;
}

/** How far archiving has come. */
export interface ArchiveProgress {
  /** Everything up to this position has been looked at. */
  readonly position: bigint;
  /** The position at which it ends. */
  readonly upTo: bigint;
  /** How many events were moved. */
  readonly archived: number;
  /** How many events were looked at: those moved, those too young, and the last ones of their streams. */
  readonly handled: number;
  /** How many events it will look at in all, judged by their positions; some positions have none. */
  readonly total: number;
  /** Events looked at a second. */
  readonly perSecond: number;
  /** How long the rest will take, in milliseconds, at that rate. */
  readonly remainingMs: number;
}

/** The longest age: some 300 years. */
const oldestMs = 1e13;

/** @throws {InvalidArgumentError} */
export const checkArchive = ({ upTo, olderThanMs, after, batchSize }: ArchiveOptions): void => {
  if (upTo === undefined && olderThanMs === undefined) {
    throw new InvalidArgumentError(
      'options',
      'needs upTo, olderThanMs, or both: which events are old is for you to say',
    );
  }
  for (const [name, position] of Object.entries({ upTo, after })) {
    if (position !== undefined && typeof position !== 'bigint') {
      throw new InvalidArgumentError(
        name,
        `must be a position, that is a bigint, but is ${String(position)}`,
      );
    }
  }
  if (olderThanMs !== undefined && !(olderThanMs >= 0 && olderThanMs <= oldestMs)) {
    throw new InvalidArgumentError('olderThanMs', `must be from 0 to ${oldestMs}, but is ${olderThanMs}`);
  }
  if (batchSize !== undefined && !(Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= 100_000)) {
    throw new InvalidArgumentError('batchSize', `must be an integer from 1 to 100,000, but is ${batchSize}`);
  }
};
