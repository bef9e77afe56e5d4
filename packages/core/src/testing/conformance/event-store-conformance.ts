import { appending } from './appending.js';
import { appendingToSeveral } from './appending-to-several.js';
import { appendRaces } from './append-races.js';
import { capabilities } from './capabilities.js';
import { defineTests, type Chapter, type TestRunner } from './conformance.js';
import { deletion } from './deletion.js';
import { EventStoreTrial, type EventStoreFixture } from './event-store-trial.js';
import { expectedVersions } from './expected-versions.js';
import { filters } from './filters.js';
import { idempotence } from './idempotence.js';
import { oddData } from './odd-data.js';
import { readingAll } from './reading-all.js';
import { readingStreams } from './reading-streams.js';
import { streamSettings } from './stream-settings.js';
import { subscribing } from './subscribing.js';
import { subscriptionEnds } from './subscription-ends.js';
import { subscriptionFilters } from './subscription-filters.js';

/** Options of {@link eventStoreConformance}. */
export interface EventStoreConformanceOptions extends TestRunner {
  /** Gives the store that a rule is tried on: a new one each time, or always the same. */
  readonly create: () => Promise<EventStoreFixture>;
  /** How long an event is waited for before it counts as not coming, in milliseconds. Default: 10,000. */
  readonly patienceMs?: number | undefined;
}

/** Every rule of the `EventStore` port. */
export const eventStoreChapters: readonly Chapter<EventStoreTrial>[] = [
  expectedVersions,
  appendRaces,
  idempotence,
  appending,
  appendingToSeveral,
  readingStreams,
  readingAll,
  filters,
  subscribing,
  subscriptionFilters,
  subscriptionEnds,
  deletion,
  streamSettings,
  oddData,
  capabilities,
];

/**
 * Tests a store against every rule of the `EventStore` port: one named test a rule. It is the port's exact meaning.
 * Works with every test runner that has `describe` and `it`.
 *
 * @example
 * ```ts
 * import { describe, it } from 'vitest';
 *
 * eventStoreConformance({
 *   describe,
 *   it,
 *   async create() {
 *     const store = await MyStore.open();
 *     return { store, close: () => store.close() };
 *   },
 * });
 * ```
 */
export const eventStoreConformance = ({
  create,
  patienceMs = 10_000,
  ...runner
}: EventStoreConformanceOptions): void =>
  defineTests(runner, eventStoreChapters, async () => new EventStoreTrial(await create(), patienceMs));
