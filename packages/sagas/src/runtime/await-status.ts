import type { EventStore } from '@tidemark/core';
import { eventType, listedKinds } from '../model/events.js';

/**
 * Waits until an instance is as wanted: looks, and looks again after each event that can have changed its status. It
 * follows the log from before the first look, so no change falls between two looks.
 *
 * @param look gives what is waited for, or `undefined` as long as it is not there
 * @throws the signal's reason, when it is aborted
 * @throws {Error} the log ended, since the application stopped
 */
export const awaitStatus = async <Found>(
  events: EventStore,
  saga: string,
  stream: string,
  look: () => Promise<Found | undefined>,
  signal: AbortSignal | undefined,
): Promise<Found> => {
  signal?.throwIfAborted();
  const subscription = events.subscribe({
    after: await events.head(),
    filter: { types: listedKinds.map((kind) => eventType(saga, kind)), streamPrefixes: [stream] },
    signal,
  });
  try {
    const now = await look();
    if (now !== undefined) return now;
    for await (const batch of subscription) {
      if (batch.events.length === 0) continue;
      const found = await look();
      if (found !== undefined) return found;
    }
  } finally {
    await subscription.close();
  }
  signal?.throwIfAborted();
  throw new Error(`The application stopped while "${stream}" was waited for.`);
};
