import { ValidationError, deterministicId, type Application, type HandlerContext } from '@tidemark/core';
import { OutOfOrderError } from '../domain/out-of-order-error.js';
import { Pace } from './pace.js';

/** One piece of work as an agent takes it on. */
export interface Duty {
  /** Who does it, for the metadata of everything that follows. */
  readonly agent: string;
  /** The surroundings of the request that it answers. */
  readonly context: HandlerContext;
  /** False if the result is recorded already, or nobody waits for it any more. */
  awaited(): Promise<boolean>;
  /** Does the work and gives the command that records it. */
  work(): Promise<object>;
  /** The command that records that the work failed. */
  failed(reason: string): object;
}

/**
 * How every agent of the crew works, so that their files hold only what is their own.
 *
 * Processors handle an event at least once: after a crash the same request may come again. So an agent first looks
 * whether its result is recorded, and sends it under an id made from the request's, which the aggregate recognises.
 * A failure is recorded too: whether the agent is asked again, and what becomes of the rest, is for the saga to say.
 */
export const fulfil = async (app: Application, duty: Duty): Promise<void> => {
  const { context } = duty;
  // From here on this is in the metadata of every command sent and every event that comes of it.
  context.set('agentId', duty.agent);
  if (!(await duty.awaited())) return;

  let result: object;
  try {
    result = await context.services.get(Pace).keep(() => duty.work(), context.signal);
  } catch (error) {
    // Where the program is being stopped, the work has not failed: it is done at the next start.
    context.signal.throwIfAborted();
    return record(app, duty, 'failed', duty.failed(messageOf(error)));
  }
  try {
    await record(app, duty, 'done', result);
  } catch (error) {
    // Anything but a bad result is the runner's to try again, and in the application's health until it works.
    if (!(error instanceof ValidationError)) throw error;
    await record(app, duty, 'failed', duty.failed(error.message));
  }
};

const record = async (app: Application, duty: Duty, outcome: string, command: object): Promise<void> => {
  try {
    await app.send(command, { id: deterministicId(duty.context.event.id, outcome) });
  } catch (error) {
    // Overtaken while it worked, by a compensation for example: nobody waits for the result any more.
    if (!(error instanceof OutOfOrderError)) throw error;
  }
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
