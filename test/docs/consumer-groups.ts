import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import {
  On,
  persistentSubscription,
  Processor,
  createApp,
  memory,
  type HandlerContext,
} from '@tidemark/core';
import { TaskAssigned } from './first-app/messages.js';
import { Mail } from './processors.js';
import { Container } from 'inversify';

// #region group
@Processor({
  name: 'letters',
  retry: { attempts: 3 }, // In this process. Then the server parks the event.
  source: persistentSubscription({
    group: 'letters', // All that run under this name share the events.
    all: true, // The whole log, or one stream: stream: '$ce-task'.
    filter: { streamPrefixes: ['task-'] }, // At the server; it cannot be changed afterwards.
    strategy: 'pinned', // Events of one stream to the same consumer. Default: 'round-robin'.
    bufferSize: 16, // Events that one consumer has in hand. Default: 32.
    messageTimeoutMs: 60_000, // Longer than a handler takes with its retries. Default: 30,000.
  }),
})
export class Letters {
  constructor(private readonly mail: Mail) {}

  @On() assigned({ agent, what }: TaskAssigned, { event }: HandlerContext) {
    return this.mail.send({ id: event.id, to: agent, text: `A task for you: ${what}` });
  }
}
// #endregion group

/** An application that sends letters. */
export const lettersApp = (connectionString: string, container: Container) =>
  createApp({
    backend: eventStoreDb({ connectionString, state: memory() }),
    container,
    register: [Letters],
  });
