/** Lets work under one key happen one after another, in the order in which it came; keys go side by side. */
export class Lines {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `work` when everything before it under the key has ended, well or badly. */
  async run<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(key);
    const turn = before === undefined ? work() : before.then(work, work);
    this.#last.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    }
  }
}
