import { StoreUnavailableError } from '@tidemark/core';
import type { ClientRead, ClientResolvedEvent } from './client.js';
import { NoAnswerError } from './errors.js';

/** The longest silence of the server in a read, in milliseconds. The client itself sets reads no deadline. */
const longestSilenceMs = 10_000;

/** The two kinds of reads of clients as one: told of what comes, and ended. */
interface Following {
  readonly data: (event: ClientResolvedEvent) => void;
  readonly end: () => void;
  readonly fail: (error: Error) => void;
}

/** @returns what ends the read */
const follow = (read: ClientRead, { data, end, fail }: Following): (() => void) => {
  if ('on' in read) {
    read.on('data', data);
    read.on('end', end);
    // Stays, since the client may tell of an error once more behind the end.
    read.on('error', fail);
    // Destroyed without a reason, when the client is disposed of.
    read.on('close', () => fail(new StoreUnavailableError('The read was ended.')));
    return () => void read.cancel().catch(() => undefined);
  }
  const iterator = read[Symbol.asyncIterator]();
  const iterate = async (): Promise<void> => {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) data(next.value);
  };
  iterate().then(end, fail);
  return () => void iterator.return?.().then(undefined, () => undefined);
};

/**
 * All events of one read of the client.
 *
 * @param ended ends the read when it is aborted
 * @throws the client's error
 */
export const readPage = (
  read: ClientRead,
  ended: readonly (AbortSignal | undefined)[],
): Promise<readonly ClientResolvedEvent[]> =>
  new Promise((resolve, reject) => {
    const events: ClientResolvedEvent[] = [];
    let silence: NodeJS.Timeout | undefined;
    const settle = (settled: () => void): void => {
      clearTimeout(silence);
      for (const signal of ended) signal?.removeEventListener('abort', stop);
      settled();
    };
    // A read that was cancelled neither ends nor fails.
    const cancel = (reason: Error): void =>
      settle(() => {
        end();
        reject(reason);
      });
    const stop = (): void => cancel(new StoreUnavailableError('The read was ended.'));
    const end = follow(read, {
      data: (event) => {
        events.push(event);
        silence?.refresh();
      },
      end: () => settle(() => resolve(events)),
      fail: (error) => settle(() => reject(error)),
    });
    for (const signal of ended) {
      if (signal?.aborted === true) return stop();
      signal?.addEventListener('abort', stop, { once: true });
    }
    silence = setTimeout(
      () => cancel(new NoAnswerError(`no answer within ${longestSilenceMs / 1_000} seconds`)),
      longestSilenceMs,
    );
  });
