/** A row: each column as text. */
export type TextRow = readonly (string | null)[];

/** A library that speaks to PostgreSQL, used as fast as its public interface allows. */
export interface BareSession {
  /** Runs a statement that is prepared at its first run. */
  run(text: string, values?: readonly (string | null)[]): Promise<readonly TextRow[]>;
  /** Runs a statement as the library's documentation does. */
  query(text: string, values: readonly string[]): Promise<readonly TextRow[]>;
  /** Runs statements without parameters. */
  script(text: string): Promise<void>;
  /** Runs `work` between BEGIN and COMMIT. What fails here voids the measurement, so nothing is rolled back. */
  transaction<Result>(work: (session: BareSession) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}
