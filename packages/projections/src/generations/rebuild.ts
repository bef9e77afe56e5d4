import {
  type Composition,
  ProcessorFailedError,
  ProcessorRunner,
  type ProcessorStatus,
} from '@tidemark/core';
import { RebuildStoppedError } from '../errors.js';
import type { Generations } from './generations.js';
import { ProgressMeter, type RebuildProgress } from './progress.js';
import { type Generation, generationName } from './switch-row.js';
import { isOf } from './transitions.js';

/** How a rebuild goes about its work, and who is told of it. */
export interface RebuildOptions {
  /** Told of the progress after each batch. */
  readonly onProgress?: ((progress: RebuildProgress) => void) | undefined;
  /** Stops the rebuild when aborted; called again, it goes on from there. */
  readonly signal?: AbortSignal | undefined;
  /** Most events in one batch, which is one transaction. Default: 5,000. */
  readonly batchSize?: number | undefined;
  /** Begins a new generation, even where an interrupted rebuild could be continued. Default: false. */
  readonly fresh?: boolean | undefined;
}

/** What a finished rebuild did. */
export interface RebuildResult {
  readonly projection: string;
  /** Number of the generation that is active now. */
  readonly generation: number;
  /** Events handled by this run of the rebuild. */
  readonly handled: number;
  /** The position behind which an interrupted rebuild was continued; `undefined` if it began at the beginning. */
  readonly continuedFrom: bigint | undefined;
}

const defaultBatchSize = 5_000;
/** The longest time that a timer can wait for, nearly 25 days. */
const longestWaitMs = 2 ** 31 - 1;

/**
 * Builds a new generation beside the active one, and switches when it has caught up.
 *
 * The live runner goes on meanwhile. For the switch it is stopped, the new generation is brought to where the old one
 * came (so that no reader who has seen a position sees the time before it), and then the switch row and the
 * checkpoints change in one transaction; the live runner starts again, on the new generation.
 *
 * @param runner the live runner; none for an inline projection, whose appends go on meanwhile and wait for the switch only
 */
export const rebuild = async (
  generations: Generations,
  runner: ProcessorRunner | undefined,
  composition: Composition,
  options: RebuildOptions,
  signal: AbortSignal,
): Promise<RebuildResult> => {
  const { name } = generations.definition;
  const { backend, clock, container, schema } = composition;
  const generation = await generationToBuild(generations, options.fresh ?? false);
  const checkpoint = generationName(name, generation.number);
  const begin = (await backend.checkpoints.load(checkpoint))?.position ?? 0n;
  const meter = new ProgressMeter(
    name,
    generation.number,
    clock.now().getTime(),
    begin,
    await backend.events.head(),
  );
  const builder = new ProcessorRunner(
    generations.processor(checkpoint, () => generation, options.batchSize ?? defaultBatchSize),
    {
      backend,
      schema,
      clock,
      services: () => ({ get: (service) => container.get(service) }),
      // A failure is thrown to the caller.
      warn: () => {},
    },
  );
  const ended = new AbortController();
  const report = ({ position, handled }: ProcessorStatus): void => {
    if (position !== undefined) options.onProgress?.(meter.at(clock.now().getTime(), position, handled));
  };
  try {
    const caughtUp = observed(whenCaughtUp(builder, signal));
    await builder.start();
    const reported = observed(reportEachStep(builder, report, ended.signal));
    // A listener that throws ends the rebuild; that reporting ended because the runner failed is left to the other.
    await Promise.race([caughtUp, reported.then(() => caughtUp)]);
    await (runner === undefined
      ? handOver(generations, builder, generation, signal)
      : cutOver(generations, runner, composition, builder, generation, signal));
    ended.abort();
    await reported;
    report(builder.status());
  } catch (error) {
    if (!signal.aborted) throw error;
    await builder.stop();
    const stored = await backend.checkpoints.load(checkpoint);
    throw new RebuildStoppedError(name, stored?.position ?? 0n, signal.reason);
  } finally {
    ended.abort();
    await builder.stop();
  }
  await generations.dropRetired();
  return {
    projection: name,
    generation: generation.number,
    handled: builder.status().handled,
    continuedFrom: begin === 0n ? undefined : begin,
  };
};

/** The generation of an interrupted rebuild, or a new one. */
const generationToBuild = async (generations: Generations, isFresh: boolean): Promise<Generation> => {
  const { building } = generations.row;
  return building === null || isFresh || !isOf(building, generations.definition)
    ? generations.createBuilding()
    : building;
};

/** Resolves when the runner has caught up; rejects when it fails, or the signal is aborted. */
const whenCaughtUp = (runner: ProcessorRunner, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const settle = (outcome: () => void): void => {
      unsubscribe();
      signal.removeEventListener('abort', onAbort);
      outcome();
    };
    const look = ({ state, caughtUp, failure }: ProcessorStatus): void => {
      if (state === 'failed') settle(() => reject(asError(failure?.error)));
      else if (caughtUp) settle(resolve);
    };
    const onAbort = (): void => settle(() => reject(asError(signal.reason)));
    const unsubscribe = runner.onChange(look);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });

/** Reports after every batch, until it is told to end or the runner fails. Never rejects. */
const reportEachStep = async (
  runner: ProcessorRunner,
  report: (status: ProcessorStatus) => void,
  ended: AbortSignal,
): Promise<void> => {
  try {
    for (;;) {
      const { position = 0n } = runner.status();
      await runner.waitFor(position + 1n, { timeoutMs: longestWaitMs, signal: ended });
      report(runner.status());
    }
  } catch (error) {
    // That it failed is seen where the runner is waited for.
    if (!ended.aborted && !(error instanceof ProcessorFailedError)) throw error;
  }
};

/** The switch of an inline projection: no runner feeds it, and what the builder has not seen yet is brought in by the switch. */
const handOver = async (
  generations: Generations,
  builder: ProcessorRunner,
  generation: Generation,
  signal: AbortSignal,
): Promise<void> => {
  await builder.drain();
  signal.throwIfAborted();
  await generations.handOver(generation, signal);
};

const cutOver = async (
  generations: Generations,
  runner: ProcessorRunner,
  { backend }: Composition,
  builder: ProcessorRunner,
  generation: Generation,
  signal: AbortSignal,
): Promise<void> => {
  const { row, definition } = generations;
  const { state } = runner.status();
  await runner.stop();
  try {
    const live = await backend.checkpoints.load(generationName(definition.name, row.active.number));
    if (live !== undefined) await builder.waitFor(live.position, { signal });
    await builder.drain();
    signal.throwIfAborted();
    await generations.switchTo(generation);
  } finally {
    await startAgain(runner, state);
  }
};

/** Brings the live runner back to what it was doing. One that had failed gets another chance with the new generation. */
const startAgain = async (runner: ProcessorRunner, before: ProcessorStatus['state']): Promise<void> => {
  switch (before) {
    case 'stopped':
    case 'draining':
      return;
    case 'paused':
      await runner.start();
      await runner.pause();
      return;
    case 'starting':
    case 'running':
    case 'failed':
      await runner.start();
      return;
    default:
      before satisfies never;
  }
};

/** Marks a promise as one that is awaited later, unless something else fails first. */
const observed = <Result>(promise: Promise<Result>): Promise<Result> => {
  promise.catch(() => {});
  return promise;
};

const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));
