import type { Collection, ProcessorDefinition, RecordedEvent } from '@tidemark/core';
import { eventType, instanceKey, listedKinds, sagaEventOf, type SagaEvent } from '../model/events.js';
import type { SagaStatus } from '../model/instance.js';
import type { SagaDefinition } from '../model/saga-definition.js';

/** An instance in the list of instances. */
export interface SagaSummary {
  readonly saga: string;
  readonly key: string;
  readonly status: SagaStatus;
  /** ISO 8601. */
  readonly startedAt: string;
  /** When its status last changed; ISO 8601. */
  readonly updatedAt: string;
  /** Approvals that are pending. */
  readonly approvals: readonly string[];
  /** Why it is being compensated, or needs a person. */
  readonly reason?: string | undefined;
}

/** Where the list is kept: one document an instance, under the name of its stream. */
export const sagaCollection: Collection = {
  name: 'sagas',
  indexes: ['saga', 'status', 'startedAt', 'updatedAt'],
};

/** Name of the processor that keeps a saga's part of the list. */
export const listName = (saga: string): string => `saga-list:${saga}`;

/** Keeps a saga's part of the list, exactly once, apart from the saga's own work. */
export const listProcessor = ({ name, definedAt }: SagaDefinition): ProcessorDefinition => ({
  kind: 'processor',
  role: 'projection',
  name: listName(name),
  definedAt,
  types: listedKinds.map((kind) => eventType(name, kind)),
  messages: [],
  delivery: {
    mode: 'transaction',
    async handle(events, tx) {
      const own = events.filter(({ stream }) => instanceKey(name, stream) !== undefined);
      if (own.length === 0) return;
      const streams = [...new Set(own.map(({ stream }) => stream))];
      const summaries = new Map(await tx.documents.load(sagaCollection.name, streams));
      for (const recorded of own) {
        const event = sagaEventOf(name, recorded);
        if (event === undefined) continue;
        summaries.set(recorded.stream, summarize(summaries.get(recorded.stream), name, event, recorded));
      }
      await tx.documents.write(
        sagaCollection.name,
        streams.map((stream) => ({ key: stream, document: summaries.get(stream) })),
      );
    },
  },
});

const summarize = (
  document: unknown,
  saga: string,
  event: SagaEvent,
  recorded: RecordedEvent,
): SagaSummary => {
  const at = recorded.recordedAt.toISOString();
  // The document was written by this function.
  const before = (document ?? {
    saga,
    key: instanceKey(saga, recorded.stream) ?? recorded.stream,
    status: 'running',
    startedAt: at,
    updatedAt: at,
    approvals: [],
  }) as SagaSummary;
  const changed = (change: Partial<SagaSummary>): SagaSummary => ({ ...before, updatedAt: at, ...change });
  switch (event.kind) {
    case 'approval-requested':
      return changed({ status: 'waiting', approvals: [...before.approvals, event.data.approval] });
    case 'approval-decided': {
      const approvals = before.approvals.filter((approval) => approval !== event.data.approval);
      return changed({ approvals, status: approvals.length > 0 ? 'waiting' : 'running' });
    }
    case 'compensation-started':
      return changed({ status: 'compensating', approvals: [], reason: before.reason ?? event.data.reason });
    case 'compensation-retried':
      return changed({ status: 'compensating' });
    case 'completed':
      return changed({ status: 'completed', approvals: [] });
    case 'compensated':
    case 'resolved':
      return changed({ status: 'compensated' });
    case 'needs-person':
      return changed({ status: 'needs-person', reason: event.data.reason });
    default:
      return before;
  }
};
