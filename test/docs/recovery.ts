import {
  Compensate,
  On,
  onError,
  Policy,
  Processor,
  rateLimited,
  type Application,
  type HandlerContext,
} from '@tidemark/core';
import { TaskAssigned, TaskFinished } from './first-app/messages.js';

export class TooManyRequests extends Error {
  constructor(readonly retryAfterMs: number) {
    super('too many requests');
  }
}
export class UnknownAgent extends Error {}

/** A model that agents ask; stands for any service that may be slow, busy or away. */
export abstract class Model {
  abstract ask(question: string, signal: AbortSignal): Promise<string>;
  abstract archive(answer: string): Promise<void>;
  abstract tell(who: string, text: string): Promise<void>;
}

// #region processor
@Processor({
  name: 'answers',
  retry: { attempts: 5, initialDelayMs: 100, maxDelayMs: 30_000 }, // The default.
  errors: [
    // What an error says of the try; the first rule that knows counts.
    onError(TooManyRequests, ({ retryAfterMs }) => rateLimited(retryAfterMs)), // Again, but not before.
    onError(UnknownAgent, 'permanent'), // It would fail again: one try, unless `retryBy` says more.
  ],
  timeoutMs: 60_000, // For each try. Default: none.
  breaker: { name: 'model', failures: 10 }, // Shared by all handlers that name it. Default: none.
  bulkhead: { name: 'model', concurrency: 4 }, // Calls at once in this process. Default: none.
  onFailure: 'park', // When the tries are used up. Default: 'stop'.
  deadLetters: { retry: { initialDelayMs: 60_000 } }, // By itself, now and then. Default: when told.
})
export class Answers {
  constructor(private readonly model: Model) {}

  @On() async assigned({ what }: TaskAssigned, { signal }: HandlerContext) {
    await this.model.ask(what, signal); // Aborted when the time is up, or the application stops.
  }

  // For one handler: instead of what the class says, key by key.
  @Policy({ onFailure: 'compensate', retry: { attempts: 2 } })
  @On()
  async finished({ result }: TaskFinished) {
    await this.model.archive(result);
  }

  @Compensate('finished') async notArchived(_: TaskFinished, error: Error, { event }: HandlerContext) {
    await this.model.tell('desk', `${event.stream} could not be archived: ${error.message}`);
  }
}
// #endregion processor

export const mend = async (app: Application): Promise<number> => {
  // #region letters
  const waiting = await app.deadLetters.count(); // Of each processor that has any.
  const [sequence] = await app.deadLetters.list('answers'); // A key, with the letter that failed first.
  console.log(waiting[0]?.letters, sequence?.sequence, sequence?.first.error?.message);

  const { handled } = await app.deadLetters.retry('answers', {
    by: 'ada', // Kept in the audit.
    reason: 'the agent is known now',
    where: { handler: 'assigned' }, // Or by sequence, type, error. Default: all.
    edit: ({ data }) => ({ data: { ...(data as object), agent: 'bob' } }), // For this try; the log stays as it is.
  });
  // #endregion letters
  return handled;
};
