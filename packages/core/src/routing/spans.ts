/** A stretch of the log: behind `after`, up to and including `upTo`. `undefined`: from the beginning, or without end. */
interface Span {
  readonly after: bigint | undefined;
  upTo: bigint | undefined;
}

/** Over which stretches of the log something holds that is switched on and off as the log goes on. */
export class Spans {
  #spans: Span[] = [];

  /** True if it is switched on for what comes. */
  get isOpen(): boolean {
    const last = this.#spans.at(-1);
    return last !== undefined && last.upTo === undefined;
  }

  /** True if it holds nowhere, and is not switched on. */
  get isEmpty(): boolean {
    return this.#spans.length === 0;
  }

  /** Switches it on for what lies behind the position. */
  open(after: bigint | undefined): void {
    if (!this.isOpen) this.#spans.push({ after, upTo: undefined });
  }

  /** Switches it off for what lies behind the position; `undefined`: for everything. */
  close(after: bigint | undefined): void {
    const last = this.#spans.at(-1);
    if (last === undefined || last.upTo !== undefined) return;
    if (after === undefined) this.#spans = [];
    else if (last.after !== undefined && last.after >= after) this.#spans.pop();
    else last.upTo = after;
  }

  /** True if it holds at the position. */
  has(position: bigint): boolean {
    // Mostly there is one, and it is open.
    for (let index = this.#spans.length - 1; index >= 0; index -= 1) {
      const span = this.#spans[index];
      if (span === undefined || (span.upTo !== undefined && position > span.upTo)) return false;
      if (span.after === undefined || position > span.after) return true;
    }
    return false;
  }

  /** Forgets what lies wholly up to the position. */
  forget(upTo: bigint): void {
    this.#spans = this.#spans.filter((span) => span.upTo === undefined || span.upTo > upTo);
  }
}
