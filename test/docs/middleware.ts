import { On, OnLifecycle, Processor, type HandlerMiddleware, type ProcessorChange } from '@tidemark/core';
import { TaskAssigned } from './first-app/messages.js';

// #region timing
export const timing =
  (note: (text: string, milliseconds: number) => void): HandlerMiddleware =>
  async ({ kind, context }, next) => {
    const begin = performance.now();
    try {
      await next(); // The next middleware, and at last the handler.
    } finally {
      note(`${context.processor} ${kind}`, performance.now() - begin);
    }
  };
// #endregion timing

// #region rehearsals
/** Leaves out what was only tried. */
export async function noRehearsals(...[call, next]: Parameters<HandlerMiddleware>): Promise<void> {
  if (call.kind === 'event' && call.event.metadata['rehearsal'] === true)
    return call.skip('only a rehearsal');
  await next();
}
// #endregion rehearsals

export const moments: string[] = [];

// #region processor
@Processor({ name: 'greeter', middleware: [noRehearsals] })
export class Greeter {
  readonly greeted: string[] = [];

  @On() assigned({ agent }: TaskAssigned) {
    this.greeted.push(agent);
  }

  @OnLifecycle('started', 'caught-up', 'failed') changed({ kind, status }: ProcessorChange) {
    moments.push(`${kind} at ${status.position ?? 'the beginning'}`);
  }
}
// #endregion processor
