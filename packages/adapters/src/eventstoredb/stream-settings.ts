import { InvalidArgumentError, newId, type StreamMetadata } from '@tidemark/core';
import type { Connection } from './connection.js';
import { clientErrorType } from './errors.js';
import { readPage } from './read-page.js';

/** Settings of a stream as the server keeps them, with what the backend notes beside them. */
export interface StoredSettings {
  readonly settings: StreamMetadata;
  /**
   * Events before this version belong to a life of the stream that was ended by a soft delete. `undefined` if there was none.
   */
  readonly deletedBefore: number | undefined;
  /** The version of the settings, to replace them by compare-and-set; -1 if there are none. */
  readonly revision: bigint;
}

/**
 * The mark of a soft delete. The server's own soft delete throws all settings of the stream away, which are to outlive it here;
 * so the stream is truncated instead, and this says why. For every reader it is as empty.
 */
const deletedKey = '$tidemarkDeleted';

interface DeletionMark {
  readonly before: number;
  /** What the application had set, which the deletion covers. */
  readonly truncateBefore?: number | undefined;
}

const ownKeys = new Set(['$maxAge', '$maxCount', '$tb', '$cacheControl', '$acl', deletedKey]);

/** Reads and writes the settings of streams. */
export class StreamSettings {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async load(stream: string): Promise<StoredSettings> {
    const { callOptions, closing } = this.#connection;
    const events = await this.#connection.call(
      `reading the settings of stream "${stream}"`,
      async (client) => {
        const read = client.readStream(`$$${stream}`, {
          ...callOptions,
          direction: 'backwards',
          fromRevision: 'end',
          maxCount: 1,
          resolveLinkTos: false,
        });
        try {
          return await readPage(read, [closing]);
        } catch (error) {
          if (clientErrorType(error) === 'stream-not-found') return [];
          throw error;
        }
      },
    );
    const event = events[0]?.event;
    if (event === undefined) return { settings: {}, deletedBefore: undefined, revision: -1n };
    return { ...parse(event.data), revision: event.revision };
  }

  /**
   * Replaces the settings that were loaded.
   *
   * @returns false if somebody else has replaced them meanwhile
   */
  async replace(stream: string, { settings, deletedBefore, revision }: StoredSettings): Promise<boolean> {
    const data = format(settings, deletedBefore);
    const { appendOptions } = this.#connection;
    const event = {
      id: newId(),
      type: '$metadata',
      contentType: 'application/json' as const,
      data,
      metadata: new Uint8Array(),
    };
    try {
      await this.#connection.call(`setting stream "${stream}"`, async (client) => {
        try {
          const expected = revision < 0n ? 'no_stream' : revision;
          const { success } = await client.appendToStream(`$$${stream}`, [event], {
            ...appendOptions,
            expectedRevision: expected,
            streamState: expected,
          });
          if (!success) throw new Outrun();
        } catch (error) {
          throw clientErrorType(error) === 'wrong-expected-version' ? new Outrun() : error;
        }
      });
    } catch (error) {
      if (isOutrun(error)) return false;
      throw error;
    }
    return true;
  }

  /** Changes the settings, whoever else does so at the same time. */
  async change(stream: string, change: (stored: StoredSettings) => StoredSettings): Promise<void> {
    while (!(await this.replace(stream, change(await this.load(stream)))));
  }
}

class Outrun extends Error {}

const isOutrun = (error: unknown): boolean =>
  error instanceof Outrun || (error instanceof Error && error.cause instanceof Outrun);

const parse = (data: unknown): Omit<StoredSettings, 'revision'> => {
  if (typeof data !== 'object' || data === null) return { settings: {}, deletedBefore: undefined };
  const stored: Readonly<Record<string, unknown>> = { ...data };
  const mark = isMark(stored[deletedKey]) ? stored[deletedKey] : undefined;
  const truncateBefore = mark === undefined ? number(stored['$tb']) : mark.truncateBefore;
  const custom = Object.fromEntries(Object.entries(stored).filter(([key]) => !ownKeys.has(key)));
  const acl = stored['$acl'];
  const settings: StreamMetadata = {
    ...given('maxAge', number(stored['$maxAge'])),
    ...given('maxCount', number(stored['$maxCount'])),
    ...given('truncateBefore', truncateBefore),
    ...given('cacheControl', number(stored['$cacheControl'])),
    ...(typeof acl === 'object' && acl !== null ? { acl: { ...acl } } : {}),
    ...(Object.keys(custom).length > 0 ? { custom } : {}),
  };
  return { settings, deletedBefore: mark?.before };
};

const format = (
  { maxAge, maxCount, truncateBefore, cacheControl, acl, custom }: StreamMetadata,
  deletedBefore: number | undefined,
): Record<string, unknown> => {
  const taken = Object.keys(custom ?? {}).find((key) => ownKeys.has(key));
  if (taken !== undefined) {
    throw new InvalidArgumentError(
      'metadata.custom',
      `must not have the key "${taken}", which EventStoreDB or the backend uses itself`,
    );
  }
  const mark: DeletionMark | undefined =
    deletedBefore === undefined
      ? undefined
      : { before: deletedBefore, ...given('truncateBefore', truncateBefore) };
  return {
    ...custom,
    ...given('$maxAge', maxAge),
    ...given('$maxCount', maxCount),
    ...given(
      '$tb',
      deletedBefore === undefined ? truncateBefore : Math.max(deletedBefore, truncateBefore ?? 0),
    ),
    ...given('$cacheControl', cacheControl),
    ...given('$acl', acl),
    ...given(deletedKey, mark),
  };
};

const given = (key: string, value: unknown): object => (value === undefined ? {} : { [key]: value });

/** The server's soft delete truncates before the largest number there is, which is no setting that anyone made. */
const number = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;

const isMark = (value: unknown): value is DeletionMark =>
  typeof value === 'object' && value !== null && 'before' in value && typeof value.before === 'number';
