import { On, Processor, type HandlerContext } from '@tidemark/core';
import { TaskAssigned, TaskFinished } from './first-app/messages.js';

/** Sends letters; stands for any integration. */
export abstract class Mail {
  abstract send(letter: { readonly id: string; readonly to: string; readonly text: string }): Promise<void>;
}

// #region processor
@Processor({
  name: 'notifications',
  startFrom: 'end', // Without a checkpoint: only what happens from now on. Default: everything.
  concurrency: 8, // Keys side by side. Default: 16.
  key: (event) => event.stream, // Events of one key come one after another, in order. This is the default.
  retry: { attempts: 3, initialDelayMs: 200, maxDelayMs: 5_000 }, // Default: 5, 100 and 30,000.
})
export class Notifications {
  constructor(private readonly mail: Mail) {}

  @On() assigned({ agent, what }: TaskAssigned, { event }: HandlerContext) {
    return this.mail.send({ id: event.id, to: agent, text: `A task for you: ${what}` });
  }

  // For several types, or one without a class, name them.
  @On(TaskFinished, 'task.archived') async ended(_: unknown, { event, signal, attempt }: HandlerContext) {
    signal.throwIfAborted(); // The application stops.
    const text = `${event.type} on ${event.stream}${attempt > 1 ? `, attempt ${attempt}` : ''}`;
    await this.mail.send({ id: event.id, to: 'desk', text });
  }
}
// #endregion processor
