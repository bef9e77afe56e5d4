import type { SqlRow } from '../driver.js';
import type { Stretch } from './relay.js';

/** Most of what a ring holds. */
export interface LogRingLimits {
  readonly rows: number;
  /** Characters of text in all rows together. */
  readonly text: number;
}

const sizeOf = (row: SqlRow): number => row.reduce((sum, column) => sum + (column?.length ?? 0), 0);

/** How many places at the front may stand empty before they are given back. */
const mostEmpty = 1_000;

/**
 * The newest rows of the log, without gaps: every event behind `start` up to `end` is in it. It grows at its end and forgets
 * at its start.
 */
export class LogRing {
  readonly #limits: LogRingLimits;
  /** The rows, their positions and sizes, oldest first; those before `#first` are forgotten. */
  #rows: SqlRow[] = [];
  #positions: bigint[] = [];
  #sizes: number[] = [];
  #first = 0;
  #text = 0;
  #start = 0n;
  #end = 0n;

  constructor(limits: LogRingLimits) {
    this.#limits = limits;
  }

  /** Exclusive. */
  get start(): bigint {
    return this.#start;
  }

  /** Inclusive. */
  get end(): bigint {
    return this.#end;
  }

  /** Forgets everything, and begins anew behind a position. */
  reset(position: bigint): void {
    this.#rows = [];
    this.#positions = [];
    this.#sizes = [];
    this.#first = 0;
    this.#text = 0;
    this.#start = position;
    this.#end = position;
  }

  /**
   * Takes what a stretch has behind the end. One that begins behind it would leave a gap, and is not taken; nor is one whose
   * rows are not in order, or lie outside of it.
   *
   * @returns the rows that were taken, and `undefined` if the end is where it was
   */
  extend({ after, upTo, rows }: Stretch): readonly SqlRow[] | undefined {
    if (after > this.#end || upTo <= this.#end) return undefined;
    const positions = positionsOf(rows, after, upTo);
    if (positions === undefined) return undefined;
    const known = positions.findIndex((position) => position > this.#end);
    const taken = known === -1 ? [] : rows.slice(known);
    for (const [index, row] of taken.entries()) {
      const size = sizeOf(row);
      this.#rows.push(row);
      this.#positions.push(positions[known + index] as bigint);
      this.#sizes.push(size);
      this.#text += size;
    }
    this.#end = upTo;
    this.#forget();
    return taken;
  }

  /**
   * Visits the rows behind a position, oldest first, until the visitor returns false.
   *
   * @param after not before the start
   * @returns the position that was reached: the end, or that of the row that was visited last
   */
  visit(after: bigint, visitor: (row: SqlRow) => boolean): bigint {
    for (let at = this.#indexBehind(after); at < this.#rows.length; at++) {
      if (!visitor(this.#rows[at] as SqlRow)) return this.#positions[at] as bigint;
    }
    return this.#end;
  }

  /** The first row behind a position, by halving. */
  #indexBehind(after: bigint): number {
    let low = this.#first;
    let high = this.#positions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#positions[middle] as bigint) <= after) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #forget(): void {
    const { rows, text } = this.#limits;
    while (this.#rows.length - this.#first > rows || this.#text > text) {
      this.#start = this.#positions[this.#first] as bigint;
      this.#text -= this.#sizes[this.#first] as number;
      this.#rows[this.#first] = [];
      this.#first += 1;
    }
    if (this.#first > mostEmpty || this.#first === this.#rows.length) {
      this.#rows = this.#rows.slice(this.#first);
      this.#positions = this.#positions.slice(this.#first);
      this.#sizes = this.#sizes.slice(this.#first);
      this.#first = 0;
    }
  }
}

/** The positions of rows, if they are in order and within the stretch. */
const positionsOf = (rows: readonly SqlRow[], after: bigint, upTo: bigint): readonly bigint[] | undefined => {
  const positions: bigint[] = [];
  let last = after;
  for (const [position] of rows) {
    const own = BigInt(position ?? -1);
    if (own <= last || own > upTo) return undefined;
    positions.push(own);
    last = own;
  }
  return positions;
};
