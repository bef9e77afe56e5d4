/**
 * The position up to which everything is finished, while the work itself finishes in any order.
 *
 * Positions are admitted in log order, each with the number of pieces of work that it stands for (an upcaster may have
 * split the event). The mark passes a position when all of its pieces, and all before it, are finished. A stretch of
 * the log without work is admitted with no pieces.
 *
 * A ring of counters: admitting and finishing cost the same however much is open, and nothing is allocated but when the
 * ring grows. Its size follows {@link span}, which the caller bounds by not admitting more.
 */
export class LowWaterMark {
  #position: bigint | undefined;
  #positions: (bigint | undefined)[] = Array.from({ length: 64 });
  #open = new Int32Array(64);
  /** Tickets count up for ever; the ring holds those from first (inclusive) to next (exclusive). */
  #first = 0;
  #next = 0;

  /** @param position everything up to it is finished already; `undefined` if nothing is */
  constructor(position: bigint | undefined) {
    this.#position = position;
  }

  /** Everything up to and including this position is finished; `undefined` if nothing is yet. */
  get position(): bigint | undefined {
    return this.#position;
  }

  /** How many admitted positions lie above the mark. */
  get span(): number {
    return this.#next - this.#first;
  }

  /**
   * Takes in the next position.
   *
   * @param position above every position admitted before, or equal to the last one if `pieces` is 0
   * @param pieces how often {@link finish} will be called for it
   * @returns the ticket to finish it with
   */
  admit(position: bigint, pieces: number): number {
    const ticket = this.#next;
    if (pieces === 0 && ticket === this.#first) {
      this.#position = position;
      return ticket;
    }
    if (ticket - this.#first === this.#open.length) this.#grow();
    const place = ticket & (this.#open.length - 1);
    this.#positions[place] = position;
    this.#open[place] = pieces;
    this.#next = ticket + 1;
    return ticket;
  }

  /**
   * One piece of work of the ticket is finished.
   *
   * @returns true if the mark moved
   */
  finish(ticket: number): boolean {
    const mask = this.#open.length - 1;
    const open = (this.#open[ticket & mask] ?? 0) - 1;
    this.#open[ticket & mask] = open;
    if (ticket !== this.#first || open > 0) return false;
    let first = ticket;
    while (first < this.#next && this.#open[first & mask] === 0) {
      this.#position = this.#positions[first & mask];
      this.#positions[first & mask] = undefined;
      first += 1;
    }
    this.#first = first;
    return true;
  }

  /** Doubles the ring. Sizes are powers of two, so that a mask finds the place. */
  #grow(): void {
    const size = this.#open.length;
    const open = new Int32Array(size * 2);
    const positions: (bigint | undefined)[] = Array.from({ length: size * 2 });
    for (let ticket = this.#first; ticket < this.#next; ticket += 1) {
      open[ticket & (size * 2 - 1)] = this.#open[ticket & (size - 1)] ?? 0;
      positions[ticket & (size * 2 - 1)] = this.#positions[ticket & (size - 1)];
    }
    this.#open = open;
    this.#positions = positions;
  }
}
