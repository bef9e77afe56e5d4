import {
  ConfigurationError,
  StoreUnavailableError,
  UnsupportedError,
  type GroupConsumer,
  type GroupInfo,
  type ParkedEntry,
  type PersistentSubscriptions,
  type PersistentSubscriptionSource,
  type RecordedEvent,
} from '@tidemark/core';
import type { ClientResolvedEvent, EventStoreDbClient } from '../client.js';
import type { Connection } from '../connection.js';
import { clientErrorType } from '../errors.js';
import type { EventRecords } from '../event-records.js';
import { readPage } from '../read-page.js';
import type { StreamReads } from '../stream-reads.js';
import type { ClientAllGroupInfo, ClientStreamGroupInfo } from './client-groups.js';
import { EventStoreDbConsumer } from './consumer.js';
import { allSettings, differences, groupFilter, streamSettings, strategyNames } from './group-settings.js';
import { pinningByCorrelation } from './pinned-by-correlation.js';

type Source = PersistentSubscriptionSource;
type Info = ClientAllGroupInfo | ClientStreamGroupInfo;

const missing = 'persistent-subscription-does-not-exist';
const exists = 'persistent-subscription-exists';
const refused = 'persistent-subscription-failed';

/** The persistent subscriptions of EventStoreDB. */
export class EventStoreDbGroups implements PersistentSubscriptions {
  readonly #connection: Connection;
  readonly #records: EventRecords;
  readonly #reads: StreamReads;

  constructor(connection: Connection, records: EventRecords, reads: StreamReads) {
    this.#connection = connection;
    this.#records = records;
    this.#reads = reads;
  }

  async ensure(source: Source): Promise<void> {
    for (;;) {
      const found = await this.#find(source);
      if (found !== undefined) return this.#update(source, found);
      if (await this.#create(source)) return;
      // Another application has made it meanwhile.
    }
  }

  join(source: Source): GroupConsumer {
    const { stream, group, bufferSize } = source;
    return new EventStoreDbConsumer({
      join: () => {
        const { client, callOptions } = this.#connection;
        const options = { ...callOptions, bufferSize };
        return stream === undefined
          ? client.subscribeToPersistentSubscriptionToAll(group, options)
          : client.subscribeToPersistentSubscriptionToStream(stream, group, options);
      },
      read: (message) => this.#read(message),
      roundTrip: () => this.#infoBy(this.#connection.client, source),
      error: (error) =>
        clientErrorType(error) === missing ? gone(source) : this.#connection.error(error, nameOf(source)),
    });
  }

  async info(source: Source): Promise<GroupInfo> {
    const found = await this.#find(source);
    if (found === undefined) throw gone(source);
    const { stats, connections } = found;
    const [known, stored] =
      'lastKnownEventPosition' in stats
        ? [stats.lastKnownEventPosition?.commit, stats.lastCheckpointedEventPosition?.commit]
        : 'lastKnownEventRevision' in stats
          ? [stats.lastKnownEventRevision, stats.lastCheckpointedEventRevision]
          : [undefined, undefined];
    const lag = known === undefined ? 0n : known - (stored ?? (source.stream === undefined ? 0n : -1n));
    return {
      parked: Number(stats.parkedMessageCount),
      inFlight: stats.totalInFlightMessages,
      consumers: connections.length,
      lag: lag > 0n ? lag : 0n,
    };
  }

  async parked(source: Source, limit: number): Promise<readonly ParkedEntry[]> {
    const messages = await this.#parkedMessages(source, limit);
    return Promise.all(
      messages.map(async (message) => {
        const { added, reason } = textsOf(message.link?.metadata);
        const parkedAt = added === undefined ? undefined : new Date(added);
        return { event: await this.#read(message), reason, parkedAt };
      }),
    );
  }

  async replayParked(source: Source, limit: number): Promise<number> {
    const { parked } = await this.info(source);
    if (parked === 0) return 0;
    const all = limit >= parked;
    const last = all ? undefined : (await this.#parkedMessages(source, limit)).at(-1)?.link?.revision;
    const { group, stream } = source;
    await this.#connection.call(`replaying what ${nameOf(source)} has parked`, async (client) => {
      const options = {
        ...this.#connection.callOptions,
        ...(last === undefined ? {} : { stopAt: last + 1n }),
      };
      await (stream === undefined
        ? client.replayParkedMessagesToAll(group, options)
        : client.replayParkedMessagesToStream(stream, group, options));
    });
    return all ? parked : limit;
  }

  /** The group, or `undefined` if there is none. */
  async #find(source: Source): Promise<Info | undefined> {
    return this.#connection.call(`asking for ${nameOf(source)}`, async (client) => {
      try {
        return await this.#infoBy(client, source);
      } catch (error) {
        if (clientErrorType(error) === missing) return undefined;
        throw error;
      }
    });
  }

  #infoBy(client: EventStoreDbClient, { stream, group }: Source): Promise<Info> {
    const { callOptions } = this.#connection;
    return stream === undefined
      ? client.getPersistentSubscriptionToAllInfo(group, callOptions)
      : client.getPersistentSubscriptionToStreamInfo(stream, group, callOptions);
  }

  /** @returns false if it is there already */
  async #create(source: Source): Promise<boolean> {
    const { stream, group, strategy } = source;
    const { callOptions } = this.#connection;
    return this.#connection.call(`making ${nameOf(source)}`, async (client) => {
      const by = strategy === 'pinned-by-correlation' ? pinningByCorrelation(client) : client;
      try {
        await (stream === undefined
          ? by.createPersistentSubscriptionToAll(group, allSettings(source), {
              ...callOptions,
              filter: groupFilter(source),
            })
          : by.createPersistentSubscriptionToStream(stream, group, streamSettings(source), callOptions));
      } catch (error) {
        if (clientErrorType(error) === exists) return false;
        throw refusal(error, source);
      }
      if (by !== client) await this.#checkStrategy(client, source);
      return true;
    });
  }

  /** A server that does not know the field takes another strategy. */
  async #checkStrategy(client: EventStoreDbClient, source: Source): Promise<void> {
    const { stream, group, strategy } = source;
    const { callOptions } = this.#connection;
    const { settings } = await this.#infoBy(client, source);
    if (settings.consumerStrategyName === strategyNames[strategy]) return;
    await (stream === undefined
      ? client.deletePersistentSubscriptionToAll(group, callOptions)
      : client.deletePersistentSubscriptionToStream(stream, group, callOptions));
    throw new UnsupportedError(
      `The server does not know the strategy "${strategy}" of ${nameOf(source)}: take 'pinned'.`,
    );
  }

  async #update(source: Source, { settings }: Info): Promise<void> {
    const different = differences(source, settings);
    if (different.length === 0) return;
    const pinned = strategyNames['pinned-by-correlation'];
    if (source.strategy === 'pinned-by-correlation' || settings.consumerStrategyName === pinned) {
      throw new ConfigurationError(
        `${nameOf(source)} is there with other settings (${different.join(', ')}), and the server cannot change one that is, or ` +
          'shall be, pinned by correlation: take its settings, delete it, which forgets how far it is, or take another name.',
      );
    }
    const { stream, group } = source;
    const { callOptions } = this.#connection;
    await this.#connection.call(`changing ${nameOf(source)}`, async (client) => {
      try {
        await (stream === undefined
          ? client.updatePersistentSubscriptionToAll(group, allSettings(source), callOptions)
          : client.updatePersistentSubscriptionToStream(stream, group, streamSettings(source), callOptions));
      } catch (error) {
        throw refusal(error, source);
      }
    });
  }

  /**
   * The event of a message as it is in its own stream. With one that a link led to the server gives the position of the link, so it
   * is read where it stands.
   */
  async #read(message: ClientResolvedEvent): Promise<RecordedEvent | undefined> {
    const { event, link } = message;
    if (event === undefined) return undefined;
    if (link === undefined) return this.#records.fromLog(message)?.recorded;
    const delivered = this.#records.fromLog({ event, commitPosition: message.commitPosition })?.recorded;
    if (delivered === undefined) return undefined;
    try {
      const page = await this.#reads.page(delivered.stream, {
        direction: 'forwards',
        from: delivered.version,
        limit: 1,
        resolveLinks: false,
      });
      const stored = page?.[0]?.recorded;
      return stored?.id === delivered.id ? stored : delivered;
    } catch (error) {
      if (error instanceof StoreUnavailableError) throw error;
      // Its stream is closed, or not to be read by this user: the event is here all the same.
      return delivered;
    }
  }

  #parkedMessages(source: Source, limit: number): Promise<readonly ClientResolvedEvent[]> {
    const stream = `$persistentsubscription-${source.stream ?? '$all'}::${source.group}-parked`;
    return this.#connection.call(`reading what ${nameOf(source)} has parked`, async (client) => {
      const read = client.readStream(stream, {
        ...this.#connection.callOptions,
        direction: 'forwards',
        fromRevision: 'start',
        maxCount: limit,
        resolveLinkTos: true,
      });
      try {
        return await readPage(read, [this.#connection.closing]);
      } catch (error) {
        // Nothing has ever been parked.
        if (clientErrorType(error) === 'stream-not-found') return [];
        throw error;
      }
    });
  }
}

const nameOf = ({ group, stream }: Source): string =>
  `the persistent subscription "${group}" of ${stream === undefined ? 'the whole log' : `stream "${stream}"`}`;

const gone = (source: Source): ConfigurationError =>
  new ConfigurationError(
    `${nameOf(source)} is gone: somebody has deleted it, and with it how far it was. Starting again makes a new one, which ` +
      'begins where its settings say.',
  );

const refusal = (error: unknown, source: Source): unknown =>
  clientErrorType(error) === refused && error instanceof Error
    ? new ConfigurationError(`The server does not take the settings of ${nameOf(source)}: ${error.message}`)
    : error;

const textsOf = (metadata: unknown): { readonly added?: string; readonly reason?: string } => {
  if (typeof metadata !== 'object' || metadata === null) return {};
  const { added, reason } = { added: undefined, reason: undefined, ...metadata };
  return {
    ...(typeof added === 'string' ? { added } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
  };
};
