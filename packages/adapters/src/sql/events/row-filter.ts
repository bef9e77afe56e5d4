import { compileFilter } from '@tidemark/core';
import type { EventFilter, RecordedEvent } from '@tidemark/core';
import type { SqlRow } from '../driver.js';
import { timeOf } from '../text-time.js';
import type { EventRows } from './event-rows.js';

/** Text that PostgreSQL cannot hold can match nothing there. */
export const isStorable = (value: string): boolean => !value.includes('\0') && !/\p{Surrogate}/u.test(value);

/** Chooses rows for one subscription, and makes events of them. It says the same as the SQL of a page does. */
export class RowFilter {
  readonly #rows: EventRows;
  readonly #types: ReadonlySet<string | null> | undefined;
  readonly #prefixes: readonly string[] | undefined;
  readonly #from: number | undefined;
  readonly #before: number | undefined;
  readonly #exactly: ((event: RecordedEvent) => boolean) | undefined;

  constructor(rows: EventRows, filter: EventFilter | undefined) {
    this.#rows = rows;
    this.#types = filter?.types === undefined ? undefined : new Set(filter.types);
    this.#prefixes = filter?.streamPrefixes?.filter(isStorable);
    this.#from = filter?.recordedFrom?.getTime();
    this.#before = filter?.recordedBefore?.getTime();
    this.#exactly = filter?.metadata === undefined ? undefined : compileFilter({ metadata: filter.metadata });
  }

  /** Whether a row may be wanted, by what can be told without decoding it. */
  mayMatch(row: SqlRow): boolean {
    return (
      (this.#types === undefined || this.#types.has(row[4] as string)) &&
      (this.#prefixes === undefined || this.#hasPrefix(row[1] as string)) &&
      ((this.#from === undefined && this.#before === undefined) || this.#isInTime(row[8] as string))
    );
  }

  /** The event, if it is wanted. Each call makes a new one. */
  select(row: SqlRow): RecordedEvent | undefined {
    if (!this.mayMatch(row)) return undefined;
    const event = this.#rows.decode(row);
    return this.#exactly === undefined || this.#exactly(event) ? event : undefined;
  }

  #hasPrefix(stream: string): boolean {
    return this.#prefixes?.some((prefix) => stream.startsWith(prefix)) === true;
  }

  #isInTime(recordedAt: string): boolean {
    const time = timeOf(recordedAt).getTime();
    return (
      (this.#from === undefined || time >= this.#from) && (this.#before === undefined || time < this.#before)
    );
  }
}
