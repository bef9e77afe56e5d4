import { type Clock, type Health, ProcessorFailedError, type ProcessorRunner } from '@tidemark/core';
import { ProjectionTimeoutError } from './errors.js';
import type { Following } from './generations/following.js';
import type { Generations } from './generations/generations.js';
import type { RebuildProgress } from './generations/progress.js';
import type { Upgrade } from './generations/upgrade.js';

/** One projection of an application that is stored, with what goes on about it. */
export interface Entry {
  readonly generations: Generations;
  /** What feeds it from the log; none for an inline projection. */
  readonly feed: Feed | undefined;
  rebuild: RunningRebuild | undefined;
}

/** What feeds a projection from the log. */
export interface Feed {
  readonly runner: ProcessorRunner;
  readonly following: Following;
  upgrade: Upgrade | undefined;
}

/** A rebuild under way. */
export interface RunningRebuild {
  readonly controller: AbortController;
  readonly done: Promise<unknown>;
  progress: RebuildProgress | undefined;
}

/** What the health of the application says of its projections, beside that of their runners. */
export const healthOf = (entries: Iterable<Entry>): Health => {
  const reasons: string[] = [];
  for (const { generations, feed } of entries) {
    const subject = `projection "${generations.definition.name}"`;
    const failure = feed?.upgrade?.failure;
    if (failure !== undefined) {
      reasons.push(
        `The new version of ${subject} is built but could not be switched to: ${messageOf(failure)}`,
      );
    }
    if (generations.leftovers !== undefined) {
      reasons.push(`Old generations of ${subject} could not be dropped: ${messageOf(generations.leftovers)}`);
    }
  }
  return { status: reasons.length === 0 ? 'up' : 'degraded', reasons };
};

/** Waits for the runner, also across what another process did to its checkpoint. */
export const reached = async (
  { runner, following }: Feed,
  position: bigint,
  leftMs: () => number,
): Promise<void> => {
  for (;;) {
    try {
      await runner.waitFor(position, { timeoutMs: leftMs() });
      return;
    } catch (error) {
      const { settled } = following;
      if (settled === undefined || !(error instanceof ProcessorFailedError)) throw error;
      await settled;
    }
  }
};

/**
 * Waits for a switch.
 *
 * @throws {ProjectionTimeoutError} the time is up
 */
export const within = async (
  clock: Clock,
  timeoutMs: number,
  done: Promise<void>,
  projection: string,
): Promise<void> => {
  await new Promise<void>((resolve, reject) => {
    const cancel = clock.after(timeoutMs, () => reject(new ProjectionTimeoutError(projection)));
    const settle = async (): Promise<void> => {
      await done;
      cancel();
      resolve();
    };
    void settle();
  });
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
