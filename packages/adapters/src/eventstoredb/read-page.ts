import { StoreUnavailableError } from '@tidemark/core';
import type { ClientReadable, ClientResolvedEvent } from './client.js';
import { NoAnswerError } from './errors.js';

/** The longest silence of the server in a read, in milliseconds. The client itself sets reads no deadline. */
const longestSilenceMs = 10_000;

/**
 * All events of one read of the client, without a promise for each.
 *
 * @param ended ends the read when it is aborted
 * @throws the client's error
 */
export const readPage = (
  read: ClientReadable & { cancel(): Promise<void> },
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
        read.cancel().catch(() => undefined);
        reject(reason);
      });
    const stop = (): void => cancel(new StoreUnavailableError('The read was ended.'));
    for (const signal of ended) {
      if (signal?.aborted === true) return stop();
      signal?.addEventListener('abort', stop, { once: true });
    }
    silence = setTimeout(
      () => cancel(new NoAnswerError(`no answer within ${longestSilenceMs / 1_000} seconds`)),
      longestSilenceMs,
    );
    read.on('data', (event) => {
      events.push(event);
      silence?.refresh();
    });
    read.on('end', () => settle(() => resolve(events)));
    // Stays, since the client may tell of an error once more behind the end.
    read.on('error', (error) => settle(() => reject(error)));
    // Destroyed without a reason, when the client is disposed of.
    read.on('close', () => settle(() => reject(new StoreUnavailableError('The read was ended.'))));
  });
