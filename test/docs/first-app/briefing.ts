// #region briefing
import { AggregateId, Command, decider, Event } from '@tidemark/core';
import { ArrayNotEmpty } from 'class-validator';

@Command({ name: 'briefing.request' })
export class RequestBriefing {
  @AggregateId() readonly briefingId: string;
  @ArrayNotEmpty() readonly topics: readonly string[];

  constructor(briefingId: string, topics: readonly string[]) {
    this.briefingId = briefingId;
    this.topics = topics;
  }
}

@Event({ name: 'briefing.requested' })
export class BriefingRequested {
  constructor(
    readonly briefingId: string,
    readonly topics: readonly string[],
  ) {}
}

/** An aggregate from three functions instead of a class. */
export const briefing = decider({
  name: 'briefing',
  commands: [RequestBriefing],
  events: [BriefingRequested],
  initialState: () => ({ requested: false }),
  decide({ briefingId, topics }: RequestBriefing, state) {
    return state.requested ? undefined : new BriefingRequested(briefingId, topics);
  },
  evolve: () => ({ requested: true }),
  target: (command) => command.briefingId,
});
// #endregion briefing
