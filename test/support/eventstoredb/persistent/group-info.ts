import { persistent } from '../definitions.js';
import type { EventLog } from '../event-log.js';
import type { EventRecord } from '../event-record.js';
import type { Consumer } from './consumer.js';
import type { Group } from './group.js';
import type { GroupSettings } from './group-settings.js';

/** What the server tells about a group. */
export const infoOf = (log: EventLog, group: Group) => {
  const { key, settings, consumers, delivered, parked } = group;
  const all = key.source === '$all';
  const inFlight = consumers.reduce((sum, consumer) => sum + consumer.inFlight.size, 0);
  const known = all ? log.events.at(-1) : log.stream(key.source).at(-1);
  return new persistent.SubscriptionInfo()
    .setEventSource(key.source)
    .setGroupName(key.group)
    .setStatus('Live')
    .setConnectionsList(consumers.map(connectionOf))
    .setTotalItems(`${consumers.reduce((sum, { sent }) => sum + sent, 0)}`)
    .setCountSinceLastMeasurement('0')
    .setLastCheckpointedEventPosition(inFlight === 0 ? placeOf(delivered, all) : '')
    .setLastKnownEventPosition(placeOf(known, all))
    .setResolveLinkTos(settings.resolveLinks)
    .setStartFrom(startOf(settings, all))
    .setMessageTimeoutMilliseconds(settings.messageTimeoutMs)
    .setExtraStatistics(settings.extraStatistics)
    .setMaxRetryCount(settings.maxRetryCount)
    .setLiveBufferSize(settings.liveBufferSize)
    .setBufferSize(settings.historyBufferSize)
    .setReadBatchSize(settings.readBatchSize)
    .setCheckPointAfterMilliseconds(settings.checkpointAfterMs)
    .setMinCheckPointCount(settings.minCheckpointCount)
    .setMaxCheckPointCount(settings.maxCheckpointCount)
    .setLiveBufferCount('0')
    .setTotalInFlightMessages(inFlight)
    .setOutstandingMessagesCount(inFlight)
    .setNamedConsumerStrategy(settings.strategy)
    .setMaxSubscriberCount(settings.maxSubscriberCount)
    .setParkedMessageCount(`${parked.count}`);
};

const connectionOf = ({ name, user, bufferSize, inFlight, sent }: Consumer) =>
  new persistent.SubscriptionInfo.ConnectionInfo()
    .setConnectionName(name)
    .setUsername(user)
    .setTotalItems(`${sent}`)
    .setCountSinceLastMeasurement('0')
    .setAvailableSlots(bufferSize - inFlight.size)
    .setInFlightMessages(inFlight.size);

const placeOf = (event: EventRecord | undefined, all: boolean): string => {
  if (event === undefined) return '';
  return all ? `C:${event.position}/P:${event.position}` : `${event.revision}`;
};

const startOf = ({ startFrom }: GroupSettings, all: boolean): string => {
  const number = startFrom === 'start' ? '0' : startFrom === 'end' ? '-1' : `${startFrom}`;
  return all ? `C:${number}/P:${number}` : number;
};
