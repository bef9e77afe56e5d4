import type { ClientGroups } from './persistent/client-groups.js';

/** A place in the log, as the client has it. */
export interface ClientPosition {
  readonly commit: bigint;
  readonly prepare: bigint;
}

/** Name and password of a user of the server. */
export interface EventStoreDbCredentials {
  readonly username: string;
  readonly password: string;
}

/** An event as the client takes it. Metadata is bytes, so that it is written as it is. */
export interface ClientEvent {
  readonly id: string;
  readonly contentType: 'application/json';
  readonly type: string;
  // The client declares records, lists and text only, but writes whatever JSON can hold.
  readonly data: Record<string, unknown>;
  readonly metadata: Uint8Array;
}

/** An event as the client gives it. */
export interface ClientRecord {
  readonly streamId: string;
  readonly id: string;
  readonly revision: bigint;
  readonly type: string;
  readonly isJson: boolean;
  readonly data: unknown;
  readonly metadata?: unknown;
  readonly created: Date;
  readonly position?: ClientPosition | undefined;
}

/** An event that was read; where a link led to it, with the link. */
export interface ClientResolvedEvent {
  readonly event?: ClientRecord | undefined;
  readonly link?: ClientRecord | undefined;
  readonly commitPosition?: bigint | undefined;
}

/** What a stream of the client's events is used by. Every readable stream of Node's has it. */
export interface ClientReadable {
  readonly readableLength: number;
  on(event: 'data', listener: (resolved: ClientResolvedEvent) => void): unknown;
  on(event: 'end' | 'close' | 'caughtUp', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** A call that can be ended. */
export interface Cancellable {
  /** Ends it. */
  cancel(): Promise<void>;
}

/** A read: a readable stream in `@eventstore/db-client`, an iterator in `@kurrent/kurrentdb-client`. */
export type ClientRead = (ClientReadable & Cancellable) | AsyncIterable<ClientResolvedEvent>;

/** A subscription that can be ended. */
export interface Unsubscribable {
  /** Ends it. */
  unsubscribe(): Promise<void>;
}

export interface ClientCallOptions {
  readonly credentials?: EventStoreDbCredentials;
}

type Revision = bigint | 'any' | 'no_stream' | 'stream_exists';

export interface ClientAppendOptions extends ClientCallOptions {
  /** What `@eventstore/db-client` goes by. */
  readonly expectedRevision: Revision;
  /** The same under the name that `@kurrent/kurrentdb-client` goes by: each takes anything for right where it finds none. */
  readonly streamState: Revision;
}

export interface ClientTombstoneOptions extends ClientCallOptions {
  readonly expectedRevision: bigint | 'any' | 'no_stream';
}

export interface ClientReadStreamOptions extends ClientCallOptions {
  readonly direction: 'forwards' | 'backwards';
  readonly fromRevision: bigint | 'start' | 'end';
  readonly maxCount: number;
  readonly resolveLinkTos: boolean;
}

export interface ClientReadAllOptions extends ClientCallOptions {
  readonly direction: 'forwards' | 'backwards';
  readonly fromPosition: ClientPosition | 'start' | 'end';
  readonly maxCount: number;
}

/** What the server filters the whole log by. */
export type ClientFilterRule = (
  | { readonly filterOn: 'streamName' | 'eventType'; readonly prefixes: string[] }
  | { readonly filterOn: 'streamName' | 'eventType'; readonly regex: string }
) & {
  /** After how many events looked at, in units of `maxSearchWindow`, the server tells how far it is. */
  readonly checkpointInterval: number;
  readonly maxSearchWindow: number;
};

/** The same, with what is told how far the server is. */
export type ClientFilter = ClientFilterRule & {
  readonly checkpointReached: (subscription: unknown, position: ClientPosition) => Promise<void>;
};

export interface ClientSubscribeOptions extends ClientCallOptions {
  readonly fromPosition: ClientPosition | 'start' | 'end';
  readonly filter: ClientFilter;
}

/**
 * The part of a client of EventStoreDB that the backend uses. `EventStoreDBClient` of `@eventstore/db-client` has it, and so has
 * `KurrentDBClient` of `@kurrent/kurrentdb-client`.
 */
export interface EventStoreDbClient extends ClientGroups {
  /** Appends events, and says where the last of them stands; a wrong expected revision rejects. */
  appendToStream(
    stream: string,
    events: ClientEvent[],
    options: ClientAppendOptions,
  ): Promise<{
    readonly success: boolean;
    readonly nextExpectedRevision: bigint;
    readonly position?: ClientPosition | undefined;
  }>;
  /** Reads one stream. */
  readStream(stream: string, options: ClientReadStreamOptions): ClientRead;
  /** Reads the whole log. */
  readAll(options: ClientReadAllOptions): ClientRead;
  /** Follows the whole log; `unsubscribe` ends it. */
  subscribeToAll(options: ClientSubscribeOptions): ClientReadable & Unsubscribable;
  /** Closes a stream for ever. */
  tombstoneStream(stream: string, options: ClientTombstoneOptions): Promise<unknown>;
  /** Ends all connections. */
  dispose(): Promise<void>;
}
