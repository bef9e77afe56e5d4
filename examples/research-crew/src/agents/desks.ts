/** A fixed number of places to work at: who comes when all are taken waits in line. */
export class Desks {
  readonly #free: number[];
  readonly #waiting: ((desk: number) => void)[] = [];

  constructor(count: number) {
    this.#free = Array.from({ length: count }, (_, index) => index + 1);
  }

  /** @param work is given the number of its desk, from 1 */
  async use<Result>(work: (desk: number) => Promise<Result>): Promise<Result> {
    const desk = this.#free.shift() ?? (await new Promise<number>((take) => this.#waiting.push(take)));
    try {
      return await work(desk);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.unshift(desk);
      else next(desk);
    }
  }
}
