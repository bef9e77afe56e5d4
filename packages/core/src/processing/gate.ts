/** A place that work passes while it is open and waits at while it is closed. Opens for good when it is removed. */
export class Gate {
  #closed = false;
  #removed = false;
  #waiting: (() => void)[] = [];

  get isOpen(): boolean {
    return !this.#closed || this.#removed;
  }

  close(): void {
    this.#closed = true;
  }

  open(): void {
    this.#closed = false;
    this.#letPass();
  }

  /** Opens it for good: closing it again changes nothing. */
  remove(): void {
    this.#removed = true;
    this.#letPass();
  }

  async pass(): Promise<void> {
    // Once more after each wait: it may have been closed again before the waiter had its turn.
    while (!this.isOpen) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #letPass(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
