/** What the suites need of a test runner; jest, vitest and `node:test` all have it. */
export interface TestRunner {
  /** Names a group of tests, which `define` makes at once. */
  readonly describe: (name: string, define: () => void) => void;
  /** Makes one test, which fails when the promise of `run` rejects. */
  readonly it: (name: string, run: () => Promise<void>) => void;
}

/** One rule of a port, and how to try whether it is kept. */
export interface Rule<Trial> {
  /** The rule in words; the name of its test. */
  readonly name: string;
  /** Rejects when the rule is broken. */
  try(trial: Trial): Promise<void>;
}

/** Rules about one thing. */
export interface Chapter<Trial> {
  readonly name: string;
  readonly rules: readonly Rule<Trial>[];
}

/** Writes a rule down. */
export const rule = <Trial>(name: string, attempt: (trial: Trial) => Promise<void>): Rule<Trial> => ({
  name,
  try: attempt,
});

/** A subject that can be let go. */
export interface Closable {
  close(): Promise<void>;
}

/** Makes a test of each rule. Each gets a trial of its own, which is closed behind it, also when the rule is broken. */
export const defineTests = <Trial extends Closable>(
  { describe, it }: TestRunner,
  chapters: readonly Chapter<Trial>[],
  start: () => Promise<Trial>,
): void => {
  for (const chapter of chapters) {
    describe(chapter.name, () => {
      for (const each of chapter.rules) {
        it(each.name, async () => {
          const trial = await start();
          try {
            await each.try(trial);
          } finally {
            await trial.close();
          }
        });
      }
    });
  }
};
