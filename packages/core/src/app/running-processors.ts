import type { ProcessorStatus } from '../observation/processor-status.js';
import type { ProcessorRunner } from '../processing/processor-runner.js';
import type { Health } from './health.js';

/** Starts all side by side. If one fails to start, waits for the others before reporting it, so that all can be stopped. */
export const startAll = async (runners: readonly ProcessorRunner[]): Promise<void> => {
  throwFirst(await Promise.allSettled(runners.map((runner) => runner.start())));
};

/** Lets all finish what they were delivered, as long as each allows its handlers to take. */
export const drainAll = async (runners: readonly ProcessorRunner[]): Promise<void> => {
  throwFirst(await Promise.allSettled(runners.map((runner) => runner.drain())));
};

/** What the state of a runner means for the health of the application. */
export const processorHealth = ({ name, role, state, failure, degraded }: ProcessorStatus): Health => {
  switch (state) {
    case 'failed':
      return { status: 'down', reasons: [failure?.reason ?? `${role} "${name}" has failed.`] };
    case 'paused':
      return { status: 'degraded', reasons: [`${role} "${name}" is paused.`] };
    case 'stopped':
    case 'starting':
    case 'running':
    case 'draining':
      return degraded === undefined
        ? { status: 'up', reasons: [] }
        : { status: 'degraded', reasons: [`${role} "${name}": ${degraded.reason}`] };
    default:
      return state satisfies never;
  }
};

const throwFirst = (outcomes: readonly PromiseSettledResult<void>[]): void => {
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
};
