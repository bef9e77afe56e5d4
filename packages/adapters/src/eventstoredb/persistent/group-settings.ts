import type { ConsumerStrategy, PersistentSubscriptionSource } from '@tidemark/core';
import type {
  ClientAllGroupSettings,
  ClientGroupFilter,
  ClientGroupSettings,
  ClientStreamGroupSettings,
} from './client-groups.js';

/** Names of the strategies as the server knows them. */
export const strategyNames: Readonly<Record<ConsumerStrategy, string>> = {
  'round-robin': 'RoundRobin',
  'dispatch-to-single': 'DispatchToSingle',
  pinned: 'Pinned',
  'pinned-by-correlation': 'PinnedByCorrelation',
};

/** What the client can ask for: the strategy that it lacks is put in afterwards. */
const common = (source: PersistentSubscriptionSource): ClientGroupSettings => ({
  resolveLinkTos: true,
  extraStatistics: false,
  maxRetryCount: source.maxRetryCount,
  messageTimeout: source.messageTimeoutMs,
  checkPointAfter: source.checkpoint.afterMs,
  checkPointLowerBound: source.checkpoint.least,
  checkPointUpperBound: source.checkpoint.most,
  maxSubscriberCount: source.maxConsumers === 0 ? 'unbounded' : source.maxConsumers,
  liveBufferSize: 500,
  readBatchSize: 20,
  historyBufferSize: 500,
  consumerStrategyName:
    strategyNames[source.strategy === 'pinned-by-correlation' ? 'pinned' : source.strategy],
});

/** The settings of a group of one stream. */
export const streamSettings = (source: PersistentSubscriptionSource): ClientStreamGroupSettings => ({
  ...common(source),
  startFrom: source.startFrom === 'beginning' ? 'start' : source.startFrom,
});

/** The settings of a group of the whole log. */
export const allSettings = (source: PersistentSubscriptionSource): ClientAllGroupSettings => {
  const { startFrom } = source;
  const at = typeof startFrom === 'bigint' ? { commit: startFrom, prepare: startFrom } : startFrom;
  return { ...common(source), startFrom: at === 'beginning' ? 'start' : at };
};

/**
 * What the server delivers to a group of the whole log. Never the system's own events: storing how far the group is would be one,
 * which it would be given next.
 */
export const groupFilter = ({ filter }: PersistentSubscriptionSource): ClientGroupFilter => {
  const window = { checkpointInterval: 1, maxSearchWindow: 1_000 };
  const { streamPrefixes, typePrefixes } = filter ?? {};
  if (streamPrefixes !== undefined) {
    return { ...window, filterOn: 'streamName', prefixes: [...streamPrefixes] };
  }
  if (typePrefixes !== undefined) return { ...window, filterOn: 'eventType', prefixes: [...typePrefixes] };
  return { ...window, filterOn: 'eventType', regex: '^[^$].*' };
};

/** Which settings the group has otherwise than wanted; where it begins counts only for a new one. */
export const differences = (
  source: PersistentSubscriptionSource,
  found: ClientGroupSettings,
): readonly string[] => {
  const wanted = { ...common(source), consumerStrategyName: strategyNames[source.strategy] };
  const compared = [
    'resolveLinkTos',
    'maxRetryCount',
    'messageTimeout',
    'checkPointAfter',
    'checkPointLowerBound',
    'checkPointUpperBound',
    'maxSubscriberCount',
    'consumerStrategyName',
  ] as const;
  return compared.filter((setting) => wanted[setting] !== found[setting]);
};
