import type { Connection } from './connection.js';
import { clientErrorType } from './errors.js';
import type { KnownIds, Place } from './known-ids.js';
import type { LogReads } from './log-reads.js';
import type { StreamReads } from './stream-reads.js';
import type { StreamSettings } from './stream-settings.js';
import { newId } from '@tidemark/core';

/** How a stream stands. */
export interface StreamView {
  /** Version of its last event, hidden ones included; `undefined` if the server would let it be begun with "no stream". */
  readonly last: number | undefined;
  /** The same as everybody sees it: `undefined` for a stream that was soft-deleted since, too. */
  readonly visible: number | undefined;
}

/** A revision that no stream has. */
const unreachable = BigInt(Number.MAX_SAFE_INTEGER);

/** Most events in one page when ids are gathered. */
const pageSize = 1_000;

/** Looks at streams, before something is appended to them, or to find an event by its id. */
export class StreamViews {
  readonly #connection: Connection;
  readonly #reads: StreamReads;
  readonly #log: LogReads;
  readonly #settings: StreamSettings;
  readonly #known: KnownIds;
  readonly #searchHidden: boolean;

  constructor(
    connection: Connection,
    reads: StreamReads,
    log: LogReads,
    settings: StreamSettings,
    known: KnownIds,
    searchHidden: boolean,
  ) {
    this.#connection = connection;
    this.#reads = reads;
    this.#log = log;
    this.#settings = settings;
    this.#known = known;
    this.#searchHidden = searchHidden;
  }

  /** @throws {StreamTombstonedError} */
  async look(stream: string): Promise<StreamView> {
    const page = await this.#reads.page(stream, {
      direction: 'backwards',
      from: 'end',
      limit: 1,
      resolveLinks: false,
    });
    const last = page?.[0]?.recorded.version;
    if (last !== undefined) return { last, visible: last };
    if (page === undefined) return { last: undefined, visible: undefined };
    // It exists, but nothing of it can be read: it is truncated to nothing, or was soft-deleted.
    const { deletedBefore } = await this.#settings.load(stream);
    const hidden = await this.#lastRevision(stream);
    const isAlive = hidden !== undefined && hidden >= (deletedBefore ?? 0);
    return { last: hidden, visible: isAlive ? hidden : undefined };
  }

  /** The version that the stream was begun with last: 0, or the first behind its last soft delete. */
  async firstVersion(stream: string): Promise<number> {
    const { deletedBefore, settings } = await this.#settings.load(stream);
    return deletedBefore ?? settings.truncateBefore ?? 0;
  }

  /**
   * Where the events with these ids stand, by id; those that are not in the stream are left out.
   *
   * @param view how the stream stands now
   */
  async find(
    stream: string,
    ids: readonly string[],
    { last, visible }: StreamView,
  ): Promise<ReadonlyMap<string, Place>> {
    if (visible !== undefined) await this.#gather(stream, visible);
    const places = this.#places(stream, ids);
    const known = this.#known.get(stream);
    // Of a stream that another program has soft-deleted the server says no more than that it does not exist.
    const isWhole = known === undefined ? last === undefined : known.from === 0 && known.next > (last ?? -1);
    if (places.size === ids.length || isWhole || !this.#searchHidden) return places;
    this.#known.learnHidden(stream, await this.#log.ofStream(stream, last ?? 0));
    return this.#places(stream, ids);
  }

  #places(stream: string, ids: readonly string[]): ReadonlyMap<string, Place> {
    const known = this.#known.get(stream);
    return new Map(
      ids.flatMap((id) => {
        const place = known?.byId.get(id);
        return place === undefined ? [] : [[id, place] as const];
      }),
    );
  }

  /** Reads what is not known of the stream yet. */
  async #gather(stream: string, last: number): Promise<void> {
    for (let from = this.#known.get(stream)?.next ?? 0; from <= last; ) {
      const page = await this.#reads.page(stream, {
        direction: 'forwards',
        from,
        limit: pageSize,
        resolveLinks: false,
      });
      const end = page?.at(-1)?.recorded;
      if (page === undefined || end === undefined) return;
      this.#known.learn(
        stream,
        page.map(({ recorded }) => recorded),
        from,
      );
      from = end.version + 1;
    }
  }

  /**
   * The last revision of a stream of which nothing can be read. The server tells it only when it refuses an append: this one
   * expects a revision that cannot be, and never writes.
   */
  async #lastRevision(stream: string): Promise<number | undefined> {
    const probe = {
      id: newId(),
      type: 'probe',
      contentType: 'application/json' as const,
      data: {},
      metadata: new Uint8Array(),
    };
    return this.#connection.call(`asking for the version of stream "${stream}"`, async (client) => {
      try {
        await client.appendToStream(stream, [probe], {
          ...this.#connection.appendOptions,
          expectedRevision: unreachable,
          streamState: unreachable,
        });
        return undefined;
      } catch (error) {
        if (clientErrorType(error) !== 'wrong-expected-version') throw error;
        return actualVersion(error);
      }
    });
  }
}

/** What the server said the stream's version is when it refused an append. */
export const actualVersion = (error: unknown): number | undefined => {
  if (!(error instanceof Error)) return undefined;
  // The two clients have another name for it.
  const version: unknown = Reflect.get(error, 'actualVersion') ?? Reflect.get(error, 'actualState');
  return typeof version === 'bigint' ? Number(version) : undefined;
};
