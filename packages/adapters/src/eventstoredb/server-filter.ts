import type { EventFilter } from '@tidemark/core';
import type { ClientFilter } from './client.js';

/** Events looked at between two words of the server on how far it is. */
const searchWindow = 32;
const checkpointInterval = 8;

/** A prefix that no stream of an application has: it selects nothing. */
const nothing = '$tidemark-nothing';

/**
 * The part of a filter that the server can do: prefixes of streams or of types, one of the two. All that it lets through is
 * filtered again.
 *
 * @returns `undefined` where there is nothing that it could filter by
 */
export const serverFilter = (
  filter: EventFilter | undefined,
): Omit<ClientFilter, 'checkpointReached'> | undefined => {
  const common = { checkpointInterval, maxSearchWindow: searchWindow };
  const { streamPrefixes, types } = filter ?? {};
  if (streamPrefixes?.length === 0 || types?.length === 0) {
    return { ...common, filterOn: 'streamName', prefixes: [nothing] };
  }
  // The empty prefix selects all, and the server does not take it.
  const prefixes = streamPrefixes?.every((prefix) => prefix !== '') === true ? streamPrefixes : undefined;
  if (prefixes !== undefined) return { ...common, filterOn: 'streamName', prefixes: [...prefixes] };
  return types === undefined ? undefined : { ...common, filterOn: 'eventType', prefixes: [...types] };
};
