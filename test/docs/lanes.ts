import { On, Policy, Processor, type RecordedEvent } from '@tidemark/core';

/** Where pages go; stands for any integration. */
export abstract class Pager {
  abstract page(text: string): Promise<void>;
}

// #region lanes
@Processor({
  name: 'pager',
  priority: 'low', // For all of its handlers. Default: normal.
  concurrency: 4, // Events side by side. Default: 16.
  readAhead: 5_000, // Events that may wait in memory. Default: 2 × batchSize, which is 500.
})
export class PagerDuty {
  constructor(private readonly pager: Pager) {}

  @On('report.written') report(_: unknown, { event }: { readonly event: RecordedEvent }) {
    return this.pager.page(`read ${event.stream}`);
  }

  @Policy({ priority: 'critical' }) // For this handler alone.
  @On('agent.stuck')
  stuck(_: unknown, { event }: { readonly event: RecordedEvent }) {
    return this.pager.page(`help ${event.stream}`);
  }

  @Policy({ priority: ({ metadata }) => (metadata['tier'] === 'gold' ? 'high' : 'normal') }) // By the event.
  @On('question.asked')
  asked(_: unknown, { event }: { readonly event: RecordedEvent }) {
    return this.pager.page(`answer ${event.stream}`);
  }
}
// #endregion lanes
