import { StreamTombstonedError, type Direction } from '@tidemark/core';
import type { Connection } from './connection.js';
import { clientErrorType } from './errors.js';
import type { EventRecords, StoredEvent } from './event-records.js';
import { readPage } from './read-page.js';

/** Which events of a stream are read in one call. */
export interface PageOptions {
  readonly direction: Direction;
  /** First version, inclusive; `end` for the last one. */
  readonly from: number | 'end';
  readonly limit: number;
  readonly resolveLinks: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Reads streams page by page. */
export class StreamReads {
  readonly #connection: Connection;
  readonly #records: EventRecords;

  constructor(connection: Connection, records: EventRecords) {
    this.#connection = connection;
    this.#records = records;
  }

  /**
   * One page, or `undefined` if the server knows no such stream: it was never written, or soft-deleted by another program.
   *
   * @throws {StreamTombstonedError}
   */
  async page(
    stream: string,
    { direction, from, limit, resolveLinks, signal }: PageOptions,
  ): Promise<readonly StoredEvent[] | undefined> {
    const { callOptions, closing } = this.#connection;
    return this.#connection.call(
      `reading stream "${stream}"`,
      async (client) => {
        const read = client.readStream(stream, {
          ...callOptions,
          direction,
          fromRevision: from === 'end' ? 'end' : BigInt(from),
          maxCount: limit,
          resolveLinkTos: resolveLinks,
        });
        try {
          const resolved = await readPage(read, [closing, signal]);
          return resolved.flatMap((each) => this.#records.fromStream(each) ?? []);
        } catch (error) {
          switch (clientErrorType(error)) {
            case 'stream-not-found':
              return undefined;
            case 'stream-deleted':
              throw new StreamTombstonedError(stream);
            default:
              throw error;
          }
        }
      },
      signal,
    );
  }
}
