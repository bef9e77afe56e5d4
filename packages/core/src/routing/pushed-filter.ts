import type { EventFilter } from '../log/filter.js';
import type { Schema } from '../schema/schema.js';

/** What of a match a store can check: never more than the match itself asks for. */
export type PushedFilter = Pick<EventFilter, 'types' | 'streamPrefixes' | 'metadata'>;

/** Most names of types, and most beginnings of streams, that a store is asked for; beyond, all are read and sieved here. */
const mostNames = 1_000;

/** Lets through what any of the filters does, and perhaps more: a condition that not all of them have is left out. */
export const uniteFilters = (filters: readonly PushedFilter[]): PushedFilter => {
  const types = uniteNames(filters.map((filter) => filter.types));
  const streamPrefixes = uniteNames(filters.map((filter) => filter.streamPrefixes));
  const metadata = commonMetadata(filters);
  return {
    ...(types === undefined ? {} : { types }),
    ...(streamPrefixes === undefined ? {} : { streamPrefixes: shortest(streamPrefixes) }),
    ...(metadata === undefined ? {} : { metadata }),
  };
};

/**
 * What of a filter holds of events as they are stored, too: filters are about events at their newest version, and an upcaster
 * may have changed what they look at.
 */
export const storedPart = (filter: PushedFilter, schema: Schema): PushedFilter => {
  const { types, metadata, ...rest } = filter;
  return {
    ...rest,
    ...(types === undefined ? {} : { types: schema.sourceTypes(types) }),
    ...(metadata === undefined || schema.upcasts(types) ? {} : { metadata }),
  };
};

/** True if the first lets through all that the second does, as far as can be told by comparing them. */
export const covers = (wide: PushedFilter, narrow: PushedFilter): boolean => {
  const { types, streamPrefixes, metadata = {} } = wide;
  return (
    (types === undefined || (narrow.types?.every((type) => types.includes(type)) ?? false)) &&
    (streamPrefixes === undefined ||
      (narrow.streamPrefixes?.every((prefix) => streamPrefixes.some((short) => prefix.startsWith(short))) ??
        false)) &&
    Object.entries(metadata).every(([key, value]) => narrow.metadata?.[key] === value)
  );
};

const uniteNames = (lists: readonly (readonly string[] | undefined)[]): readonly string[] | undefined => {
  const names = new Set<string>();
  for (const list of lists) {
    if (list === undefined) return undefined;
    for (const name of list) names.add(name);
  }
  return names.size > mostNames ? undefined : [...names];
};

/** Without those that begin with another. */
const shortest = (prefixes: readonly string[]): readonly string[] => {
  const kept: string[] = [];
  for (const prefix of prefixes.toSorted()) {
    // In this order, whatever begins with a prefix stands behind it and before all that does not.
    const last = kept.at(-1);
    if (last === undefined || !prefix.startsWith(last)) kept.push(prefix);
  }
  return kept;
};

const commonMetadata = (filters: readonly PushedFilter[]): PushedFilter['metadata'] => {
  const [first, ...others] = filters;
  const common = Object.entries(first?.metadata ?? {}).filter(([key, value]) =>
    others.every(({ metadata }) => metadata !== undefined && metadata[key] === value),
  );
  return common.length === 0 ? undefined : Object.fromEntries(common);
};
