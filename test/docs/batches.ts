import { OnBatch, Processor, type BatchDelivery, type EventsContext } from '@tidemark/core';
import { TaskFinished } from './first-app/messages.js';

/** What finds texts again; stands for any system that takes many things in one call. */
export abstract class SearchIndex {
  abstract put(
    entries: readonly { readonly id: string; readonly text: string }[],
    signal: AbortSignal,
  ): Promise<void>;
}

// #region batches
@Processor({ name: 'search' })
export class Search {
  constructor(private readonly index: SearchIndex) {}

  @OnBatch(TaskFinished, { max: 500, waitMs: 200, targetMs: 50 })
  finished(results: readonly TaskFinished[], { events, signal }: EventsContext) {
    const entries = results.map(({ result }, place) => ({ id: events[place]?.id ?? '', text: result }));
    return this.index.put(entries, signal);
  }
}
// #endregion batches

// #region byHand
export const embeddings = (embed: (texts: readonly string[]) => Promise<void>): BatchDelivery => ({
  mode: 'batch',
  max: 64,
  per: 'key', // Each batch is of one key, in order; keys side by side. Default: 'all'.
  key: ({ metadata }) => metadata.agentId ?? '',
  handle: (events) => embed(events.map(({ data }) => JSON.stringify(data))),
});
// #endregion byHand
