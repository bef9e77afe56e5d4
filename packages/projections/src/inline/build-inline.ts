import { setTimeout as wait } from 'node:timers/promises';
import { CheckpointConflictError } from '@tidemark/core';
import { GenerationConflictError, InlineBuildError } from '../errors.js';
import type { Generations } from '../generations/generations.js';

/** Most milliseconds to wait where another process builds the same generation. */
const mostPauseMs = 250;

/**
 * Brings an inline projection to where its application's appends can keep it up to date: before its first start, or after a
 * raised version, it is built from the log. Other processes may be at the same; each batch is then counted for one of them, and
 * what one has built the others find built.
 *
 * @param build builds what is to be built and switches to it
 * @throws {InlineBuildError} it failed, and not because of another process
 * @throws the signal's reason, when it is aborted
 */
export const buildInline = async (
  generations: Generations,
  build: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> => {
  await generations.prepare();
  while (!generations.isCurrent) {
    signal.throwIfAborted();
    const { revision } = generations.row;
    try {
      await build();
    } catch (error) {
      signal.throwIfAborted();
      await generations.refresh();
      if (generations.row.revision === revision && !isConflict(error)) {
        throw new InlineBuildError(generations.definition.name, error);
      }
      await wait(Math.random() * mostPauseMs);
    }
  }
  generations.follow();
};

/** Whether another process was faster. */
const isConflict = (error: unknown): boolean => {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof CheckpointConflictError || cause instanceof GenerationConflictError) return true;
  }
  return false;
};
