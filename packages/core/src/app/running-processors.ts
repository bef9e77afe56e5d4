import type { ProcessorStatus } from '../observation/processor-status.js';
import type { ProcessorRunner } from '../processing/processor-runner.js';
import { describeError } from '../recovery/thrown.js';
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
export const processorHealth = (status: ProcessorStatus): Health => {
  const { name, role, state, failure } = status;
  const noticed = noticedOf(status).map((what) => `${role} "${name}": ${what}`);
  switch (state) {
    case 'failed':
      return { status: 'down', reasons: [failure?.reason ?? `${role} "${name}" has failed.`, ...noticed] };
    case 'paused':
      return { status: 'degraded', reasons: [`${role} "${name}" is paused.`, ...noticed] };
    case 'stopped':
    case 'starting':
    case 'running':
    case 'draining':
      return { status: noticed.length === 0 ? 'up' : 'degraded', reasons: noticed };
    default:
      return state satisfies never;
  }
};

/** What someone should know of, in words. */
const noticedOf = ({ degraded, breakers, slow, deadLetters }: ProcessorStatus): readonly string[] => [
  ...(degraded === undefined ? [] : [degraded.reason]),
  ...breakers.map(
    ({ name, state, since, error }) =>
      `the circuit breaker "${name}" is ${state}${since === undefined ? '' : ` since ${since.toISOString()}`}` +
      `${error === undefined ? '' : ` (${describeError(error)})`}; its events wait, and it is tried now and then.`,
  ),
  ...slow.map(
    ({ handler, stream, position, since, leftBehind }) =>
      `its handler ${handler} has been busy${stream === undefined ? '' : ` with stream "${stream}", position ${position},`} since ` +
      `${since.toISOString()}${leftBehind ? '; it ignores its signal and was left behind' : ''}.`,
  ),
  ...(deadLetters.letters === 0
    ? []
    : [
        `${deadLetters.letters} dead letters of ${deadLetters.sequences} sequences wait to be retried or discarded.`,
      ]),
];

const throwFirst = (outcomes: readonly PromiseSettledResult<void>[]): void => {
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
};
