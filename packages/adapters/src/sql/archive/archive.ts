import type { Clock } from '@tidemark/core';
import type { SqlDriver } from '../driver.js';
import type { SchemaNames } from '../schema-names.js';
import { checkArchive, type ArchiveOptions, type ArchiveProgress } from './archive-options.js';

/** Options of {@link SqlArchive}. */
export interface SqlArchiveOptions {
  /** Gives the time in place of the database; for tests. */
  readonly clock?: Clock | undefined;
  /** The safe head of the log. */
  readonly head: () => Promise<bigint>;
  /**
   * True where the database does not clear away by itself what is left in the table of what was moved out of it.
   * Default: false.
   */
  readonly vacuums?: boolean | undefined;
}

/** From so many events on that were moved, clearing away behind them pays. */
const worthVacuuming = 1_000;

/** Archives the log; see {@link SqlBackend.archive}. What a batch does is one SQL function, archive_events. */
export class SqlArchive {
  readonly #driver: SqlDriver;
  readonly #options: SqlArchiveOptions;
  readonly #start: string;
  readonly #batch: string;
  readonly #analyze: string;
  readonly #vacuum: string;

  constructor(driver: SqlDriver, names: SchemaNames, options: SqlArchiveOptions) {
    this.#driver = driver;
    this.#options = options;
    this.#start = names.fill(
      `SELECT (SELECT min(e.position) FROM {schema}.events e WHERE e.position > $1::bigint), date_part('epoch', clock_timestamp())`,
    );
    this.#batch = names.fill(
      `SELECT looked, last, old_enough, moved
         FROM {schema}.archive_events($1::bigint, $2::bigint, $3::timestamptz, $4::integer)`,
    );
    this.#analyze = names.fill('SELECT {schema}.analyze_archive()');
    this.#vacuum = names.fill('VACUUM {schema}.events');
  }

  /** @throws {InvalidArgumentError} */
  async run(options: ArchiveOptions): Promise<ArchiveProgress> {
    this.#driver.checkOutside();
    checkArchive(options);
    const { batchSize = 1_000, onProgress, signal } = options;
    signal?.throwIfAborted();
    const head = await this.#options.head();
    const upTo = options.upTo === undefined || options.upTo > head ? head : options.upTo;
    const { first, before } = await this.#begin(options);
    const meter = new ProgressMeter(first, upTo);
    let position = first - 1n;
    while (position < upTo) {
      signal?.throwIfAborted();
      const { rows } = await this.#driver.run(this.#batch, [
        String(position),
        String(upTo),
        before,
        String(batchSize),
      ]);
      const [looked, last, oldEnough, moved] = rows[0] ?? [];
      const isEnd = Number(looked) < batchSize;
      position = isEnd ? upTo : BigInt(last as string);
      if (Number(moved) > 0) await this.#driver.run(this.#analyze, []);
      meter.add(position, Number(looked), Number(moved));
      await onProgress?.(meter.now);
      // What comes later is, as a rule, younger still.
      if (oldEnough === '0') break;
    }
    if (this.#options.vacuums === true && meter.now.archived >= worthVacuuming) {
      await this.#driver.script(this.#vacuum);
    }
    return meter.now;
  }

  /** Where the first event is, and which time divides old from young. Without an event it is behind any end. */
  async #begin({
    after = 0n,
    olderThanMs,
  }: ArchiveOptions): Promise<{ readonly first: bigint; readonly before: string | null }> {
    const { rows } = await this.#driver.run(this.#start, [String(after)]);
    const [first, seconds] = rows[0] ?? [];
    const now = this.#options.clock?.now().getTime() ?? Number(seconds) * 1000;
    return {
      first: BigInt(first ?? after + 1n),
      before: olderThanMs === undefined ? null : new Date(now - olderThanMs).toISOString(),
    };
  }
}

/** Counts what was done and judges the rest by it. */
class ProgressMeter {
  readonly #first: bigint;
  readonly #started = performance.now();
  #now: ArchiveProgress;

  constructor(first: bigint, upTo: bigint) {
    this.#first = first;
    const total = upTo < first ? 0 : Number(upTo - first + 1n);
    this.#now = { position: first - 1n, upTo, archived: 0, handled: 0, total, perSecond: 0, remainingMs: 0 };
  }

  get now(): ArchiveProgress {
    return this.#now;
  }

  add(position: bigint, looked: number, moved: number): void {
    const { archived, handled, upTo, total } = this.#now;
    const passed = Number(position - this.#first + 1n);
    const elapsedMs = Math.max(performance.now() - this.#started, 1);
    this.#now = {
      position,
      upTo,
      archived: archived + moved,
      handled: handled + looked,
      total,
      perSecond: ((handled + looked) / elapsedMs) * 1000,
      remainingMs: passed === 0 ? 0 : ((total - passed) / passed) * elapsedMs,
    };
  }
}
