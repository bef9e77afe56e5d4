import {
  type Backend,
  type EachDelivery,
  ProcessorRunner,
  type ProcessorDefinition,
  Schema,
  systemClock,
} from '@tidemark/core';

/** The number of processors ever made: each begins at the beginning, under a name of its own. */
let made = 0;

/** A runner of a processor that has no checkpoint yet. */
export const newRunner = (
  backend: Backend,
  delivery: ProcessorDefinition['delivery'],
  options: Pick<ProcessorDefinition, 'batchSize' | 'policy' | 'readAhead' | 'startFrom' | 'types'> = {},
): ProcessorRunner => {
  made += 1;
  const definition: ProcessorDefinition = {
    kind: 'processor',
    name: `processor-${made}`,
    definedAt: import.meta.url,
    messages: [],
    delivery,
    ...options,
  };
  return new ProcessorRunner(definition, {
    backend,
    schema: new Schema(),
    clock: systemClock,
    services: () => ({
      get: () => {
        throw new Error('These handlers depend on nothing.');
      },
    }),
  });
};

/** Delivers to a handler that only counts, and returns or resolves at once. */
export const counting = (kind: 'synchronous' | 'asynchronous', handled: () => void): EachDelivery => ({
  mode: 'each',
  handle:
    kind === 'synchronous'
      ? handled
      : async () => {
          handled();
        },
});

/** Starts a runner, waits until it has handled everything up to the position, and ends it in good order. */
export const catchUp = async (runner: ProcessorRunner, position: bigint): Promise<void> => {
  await runner.start();
  await runner.waitFor(position, { timeoutMs: 60_000 });
  await runner.drain();
};
