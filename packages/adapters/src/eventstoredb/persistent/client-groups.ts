import type { ClientCallOptions, ClientPosition, ClientResolvedEvent } from '../client.js';

/** The settings of a group as the client takes and gives them. */
export interface ClientGroupSettings {
  readonly resolveLinkTos: boolean;
  readonly extraStatistics: boolean;
  readonly maxRetryCount: number;
  readonly messageTimeout: number;
  readonly checkPointAfter: number;
  readonly checkPointLowerBound: number;
  readonly checkPointUpperBound: number;
  readonly maxSubscriberCount: number | 'unbounded';
  readonly liveBufferSize: number;
  readonly readBatchSize: number;
  readonly historyBufferSize: number;
  readonly consumerStrategyName: string;
}

export interface ClientStreamGroupSettings extends ClientGroupSettings {
  readonly startFrom: bigint | 'start' | 'end';
}

export interface ClientAllGroupSettings extends ClientGroupSettings {
  readonly startFrom: ClientPosition | 'start' | 'end';
}

/** What the server filters the events of a group by. */
export type ClientGroupFilter = {
  readonly checkpointInterval: number;
  readonly maxSearchWindow: number;
} & (
  | { readonly filterOn: 'streamName' | 'eventType'; readonly prefixes: string[] }
  | { readonly filterOn: 'eventType'; readonly regex: string }
);

interface ClientGroupStats {
  readonly totalInFlightMessages: number;
  readonly parkedMessageCount: bigint;
}

interface ClientGroupInfo {
  readonly settings: ClientGroupSettings;
  readonly connections: readonly unknown[];
}

export interface ClientStreamGroupInfo extends ClientGroupInfo {
  readonly stats: ClientGroupStats & {
    readonly lastCheckpointedEventRevision?: bigint | undefined;
    readonly lastKnownEventRevision?: bigint | undefined;
  };
}

export interface ClientAllGroupInfo extends ClientGroupInfo {
  readonly stats: ClientGroupStats & {
    readonly lastCheckpointedEventPosition?: ClientPosition | undefined;
    readonly lastKnownEventPosition?: ClientPosition | undefined;
  };
}

/** An event as an answer to a group names it. The client declares a whole one, and takes the id of it. */
export interface ClientAnswered {
  event: {
    id: string;
    streamId: string;
    revision: bigint;
    type: string;
    isJson: true;
    data: Record<string, never>;
    metadata: undefined;
    created: Date;
  };
}

/** A consumer of the client. */
export interface ClientConsumer {
  ack(...events: ClientAnswered[]): Promise<void>;
  nack(action: 'park' | 'skip' | 'retry', reason: string, ...events: ClientAnswered[]): Promise<void>;
  unsubscribe(): Promise<void>;
  on(
    event: 'data',
    listener: (resolved: ClientResolvedEvent & { readonly retryCount: number }) => void,
  ): unknown;
  on(event: 'confirmation' | 'end' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

export interface ClientJoinOptions extends ClientCallOptions {
  readonly bufferSize: number;
}

export interface ClientReplayOptions extends ClientCallOptions {
  /** The version of the stream of parked events before which to stop. */
  readonly stopAt?: bigint;
}

/** What the backend uses of a client for persistent subscriptions. */
export interface ClientGroups {
  /** Makes a group of a stream. */
  createPersistentSubscriptionToStream(
    stream: string,
    group: string,
    settings: ClientStreamGroupSettings,
    options?: ClientCallOptions,
  ): Promise<void>;
  /** Makes a group of the whole log. */
  createPersistentSubscriptionToAll(
    group: string,
    settings: ClientAllGroupSettings,
    options?: ClientCallOptions & { readonly filter?: ClientGroupFilter },
  ): Promise<void>;
  /** Changes the settings of a group of a stream. */
  updatePersistentSubscriptionToStream(
    stream: string,
    group: string,
    settings: ClientStreamGroupSettings,
    options?: ClientCallOptions,
  ): Promise<void>;
  /** Changes the settings of a group of the whole log. */
  updatePersistentSubscriptionToAll(
    group: string,
    settings: ClientAllGroupSettings,
    options?: ClientCallOptions,
  ): Promise<void>;
  /** Ends a group of a stream. */
  deletePersistentSubscriptionToStream(
    stream: string,
    group: string,
    options?: ClientCallOptions,
  ): Promise<void>;
  /** Ends a group of the whole log. */
  deletePersistentSubscriptionToAll(group: string, options?: ClientCallOptions): Promise<void>;
  /** Tells about a group of a stream. */
  getPersistentSubscriptionToStreamInfo(
    stream: string,
    group: string,
    options?: ClientCallOptions,
  ): Promise<ClientStreamGroupInfo>;
  /** Tells about a group of the whole log. */
  getPersistentSubscriptionToAllInfo(group: string, options?: ClientCallOptions): Promise<ClientAllGroupInfo>;
  /** Has parked events of a stream's group delivered again. */
  replayParkedMessagesToStream(stream: string, group: string, options?: ClientReplayOptions): Promise<void>;
  /** Has parked events of a group of the whole log delivered again. */
  replayParkedMessagesToAll(group: string, options?: ClientReplayOptions): Promise<void>;
  /** Joins a group of a stream. */
  subscribeToPersistentSubscriptionToStream(
    stream: string,
    group: string,
    options: ClientJoinOptions,
  ): ClientConsumer;
  /** Joins a group of the whole log. */
  subscribeToPersistentSubscriptionToAll(group: string, options: ClientJoinOptions): ClientConsumer;
}
