import type { EventFilter } from '@tidemark/core';
import type { ClientFilterRule } from './client.js';

/** Events looked at between two words of the server on how far it is. */
const searchWindow = 32;
const checkpointInterval = 8;

/** A prefix that no stream of an application has: it selects nothing. */
const nothing = '$tidemark-nothing';

const common = { checkpointInterval, maxSearchWindow: searchWindow };

/** All events but the system's own, links among them: their types begin with a dollar sign. */
export const withoutSystem: ClientFilterRule = { ...common, filterOn: 'eventType', regex: '^[^$]' };

/**
 * The part of a filter that the server can do: prefixes of streams or types, one of the two. All that it lets through is
 * filtered again.
 *
 * @returns `undefined` where there is nothing that it could filter by
 */
export const serverFilter = (filter: EventFilter | undefined): ClientFilterRule | undefined => {
  const { streamPrefixes, types } = filter ?? {};
  if (streamPrefixes?.length === 0 || types?.length === 0) {
    return { ...common, filterOn: 'streamName', prefixes: [nothing] };
  }
  // The empty prefix selects all, and the server does not take it.
  const prefixes = streamPrefixes?.every((prefix) => prefix !== '') === true ? streamPrefixes : undefined;
  if (prefixes !== undefined) return { ...common, filterOn: 'streamName', prefixes: [...prefixes] };
  // As prefixes, names would let longer ones through.
  return types === undefined
    ? undefined
    : { ...common, filterOn: 'eventType', regex: `^(?:${types.map(escaped).join('|')})$` };
};

const escaped = (text: string): string => text.replaceAll(/[\\^$.|?*+()[\]{}]/g, '\\$&');
