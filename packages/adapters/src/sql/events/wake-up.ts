/**
 * Tells whoever follows the log that there may be more. Each call counts, so a follower that notes the count before it
 * looks can never sleep through what came while it looked.
 */
export class WakeUp {
  readonly #sleepers = new Set<() => void>();
  #count = 0;

  /** How often {@link wake} was called. */
  get count(): number {
    return this.#count;
  }

  wake(): void {
    this.#count += 1;
    const sleepers = [...this.#sleepers];
    this.#sleepers.clear();
    for (const sleeper of sleepers) sleeper();
  }

  /**
   * Waits until the count is no longer the one noted, or so much time has passed.
   *
   * @param milliseconds how long at most: the safety net where a wake-up can be lost
   * @param onCancel receives a function that ends the wait at once
   */
  async past(count: number, milliseconds: number, onCancel: (cancel: () => void) => void): Promise<void> {
    if (this.#count !== count) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#sleepers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      this.#sleepers.add(done);
      onCancel(done);
    });
  }
}
