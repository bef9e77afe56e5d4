import type { Draft, Finding, Part, Problem } from '../domain/material.js';
import type { Overview } from '../library/library.js';

export interface DraftTask {
  readonly question: string;
  readonly parts: readonly Part[];
  readonly findings: readonly Finding[];
  /** What the critic had against the draft before; empty for the first one. */
  readonly problems: readonly Problem[];
}

/**
 * What the agents think with. An abstract class and not an interface, so that it can itself be the token by which the
 * container finds the one to inject.
 */
export abstract class Mind {
  /** Splits the question into the parts to search for. */
  abstract plan(question: string, overview: Overview, signal: AbortSignal): Promise<readonly Part[]>;
  /** Answers the question from the findings, with a source for each claim. */
  abstract draft(task: DraftTask, signal: AbortSignal): Promise<Draft>;
  /** Everything that is wrong with the draft; nothing, if it may be published. */
  abstract review(
    draft: Draft,
    findings: readonly Finding[],
    signal: AbortSignal,
  ): Promise<readonly Problem[]>;
}
