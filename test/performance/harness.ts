import type { Server } from './servers.js';

/** One thing measured two ways in one run: with Tidemark, and with the bare component doing the same by hand. */
export interface Case {
  /** What is done, with the sizes that matter. */
  readonly name: string;
  /** What is counted, e.g. `events`; or what is measured, e.g. `ms`. */
  readonly unit: string;
  /** What is better: more units a second (the default), or more or less of a figure that is no speed. */
  readonly better?: 'faster' | 'more' | 'less' | undefined;
  /** Does ours once, checks that it was really done, and says how many units a second it did, or the figure itself. */
  ours(): Promise<number>;
  /** The same with the bare component. */
  bare(): Promise<number>;
}

/** One side of the cases of a group, ready to be run: each does its work once and gives its figure. */
export interface Side {
  readonly runs: readonly (() => Promise<number>)[];
  /** Gives back what it holds. */
  close?(): Promise<void>;
}

/** Cases that share what they run on. */
export interface Group {
  /** The servers that must be there. Default: none. */
  readonly needs?: readonly Server[] | undefined;
  /** Rounds that count, where a figure takes long and hardly varies. Default: as many as the run has. */
  readonly rounds?: number | undefined;
  readonly cases: readonly Omit<Case, 'ours' | 'bare'>[];
  /** Prepares ours: one run for each case, in their order. */
  ours(): Promise<Side>;
  /** Prepares the bare component for the same. */
  bare(): Promise<Side>;
}

/**
 * The groups of one benchmark.
 *
 * @param scale shrinks the work: 1 for a full run, less for a quick one
 * @param peers whether other frameworks are measured, too
 */
export type Benchmark = (scale: number, peers: boolean) => readonly Group[];

/** The result of a case. Only the ratio is one: the figures beside it are those of this machine at this moment. */
export interface Row {
  readonly case: string;
  /** Median units a second, or figure. */
  readonly ours: number;
  readonly bare: number;
  /** Median, least and greatest of the rounds' ratios: how many times better ours is. */
  readonly ratio: number;
  readonly min: number;
  readonly max: number;
}

/** Options of {@link measure}. */
export interface MeasureOptions {
  /** Rounds that count. */
  readonly rounds: number;
  /** Rounds before these, which do not: for compilers and caches. Default: 2. */
  readonly warmUp?: number | undefined;
  /** Told before each round, so that a long benchmark shows that it lives. */
  readonly onRound?: ((name: string, round: number) => void) | undefined;
}

/**
 * Measures a case in rounds. In each, both sides take their turn, and who is first changes from round to round: the speed
 * of a machine drifts, so that only neighbours can be compared.
 */
export const measure = async (subject: Case, options: MeasureOptions): Promise<Row> => {
  const { rounds, warmUp = 2, onRound } = options;
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = 1 - warmUp; round <= rounds; round += 1) {
    onRound?.(subject.name, round);
    const pair =
      round % 2 === 0 ? await inTurn(subject.ours, subject.bare) : await inTurn(subject.bare, subject.ours);
    if (round < 1) continue;
    const [first, second] = pair;
    ours.push(round % 2 === 0 ? first : second);
    bare.push(round % 2 === 0 ? second : first);
  }
  const { name, unit, better = 'faster' } = subject;
  const ratios = ours.map((value, index) => {
    const other = bare[index] ?? Number.NaN;
    return better === 'less' ? other / value : value / other;
  });
  const figure = better === 'faster' ? Math.round : rounded;
  return {
    case: better === 'faster' ? `${name}, ${unit}/s` : `${name}, ${unit}`,
    ours: figure(median(ours)),
    bare: figure(median(bare)),
    ratio: rounded(median(ratios)),
    min: rounded(Math.min(...ratios)),
    max: rounded(Math.max(...ratios)),
  };
};

const inTurn = async (
  first: () => Promise<number>,
  second: () => Promise<number>,
): Promise<readonly [number, number]> => [await first(), await second()];

/** Times some work and says how many units a second that was. */
export const rate = async (units: number, work: () => Promise<unknown>): Promise<number> => {
  const begin = performance.now();
  await work();
  return (units / (performance.now() - begin)) * 1_000;
};

/** @throws {Error} a side did not do what it was timed for: then its figure would mean nothing */
export const checkDone = (what: string, done: number | bigint, wanted: number | bigint): void => {
  if (done !== wanted) throw new Error(`${what}: ${done} instead of ${wanted}. The measurement is void.`);
};

/** The value in the middle, or the mean of the two there. */
export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
};

const rounded = (value: number): number => Number(value.toFixed(2));
