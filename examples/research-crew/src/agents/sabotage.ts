/** Steps that `--fail` can break. */
export const breakableSteps = ['plan', 'search', 'draft', 'review', 'publish'] as const;
export type BreakableStep = (typeof breakableSteps)[number];

/** Makes one kind of work fail each time, to show what becomes of a workflow then. */
export class Sabotage {
  readonly #step: BreakableStep | undefined;

  constructor(step: BreakableStep | undefined) {
    this.#step = step;
  }

  /** @throws if the step is the broken one */
  check(step: BreakableStep): void {
    if (step === this.#step) throw new Error(`--fail ${step}: this agent was told to fail`);
  }
}
