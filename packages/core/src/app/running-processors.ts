import { sleep, systemClock } from '../clock.js';
import type { ProcessorRunner, ProcessorStatus } from '../processing/processor-runner.js';
import type { Health } from './health.js';

/** Starts all side by side. If one fails to start, waits for the others before reporting it, so that all can be stopped. */
export const startAll = async (runners: readonly ProcessorRunner[]): Promise<void> => {
  throwFirst(await Promise.allSettled(runners.map((runner) => runner.start())));
};

/**
 * Lets all finish what they were delivered. What has not finished in time is stopped where it stands: it is delivered
 * again at the next start.
 *
 * @param withinMs milliseconds, by the machine's own time: a handler that hangs does so whatever a test's clock says
 */
export const drainAll = async (runners: readonly ProcessorRunner[], withinMs: number): Promise<void> => {
  const timeUp = new AbortController();
  const late = sleep(systemClock, withinMs, timeUp.signal).then(() => 'late' as const);
  try {
    throwFirst(
      await Promise.allSettled(
        runners.map(async (runner) => {
          if ((await Promise.race([runner.drain(), late])) === 'late') await runner.stop();
        }),
      ),
    );
  } finally {
    timeUp.abort();
  }
};

/** What the state of a runner means for the health of the application. */
export const processorHealth = ({ name, role, state, failure }: ProcessorStatus): Health => {
  const subject = `${role} "${name}"`;
  switch (state) {
    case 'running':
    case 'starting':
    case 'draining':
    case 'stopped':
      return { status: 'up', reasons: [] };
    case 'paused':
      return { status: 'degraded', reasons: [`${subject} is paused.`] };
    case 'failed':
      return {
        status: 'down',
        reasons: [
          `${subject} has failed: ${failure?.error instanceof Error ? failure.error.message : String(failure?.error)}`,
        ],
      };
    default:
      return state satisfies never;
  }
};

const throwFirst = (outcomes: readonly PromiseSettledResult<void>[]): void => {
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
};
