import { appendRaces } from './append-races.js';
import { defineTests, type Chapter, type TestRunner } from './conformance.js';
import { EventStoreTrial, type EventStoreFixture } from './event-store-trial.js';
import { expectedVersions } from './expected-versions.js';

/** Options of {@link eventStoreConformance}. */
export interface EventStoreConformanceOptions extends TestRunner {
  /** Gives the store that a rule is tried on: a new one each time, or always the same. */
  readonly create: () => Promise<EventStoreFixture>;
  /** How long an event is waited for before it counts as not coming, in milliseconds. Default: 10,000. */
  readonly patienceMs?: number | undefined;
}

/** Every rule of the {@link EventStore} port. */
export const eventStoreChapters: readonly Chapter<EventStoreTrial>[] = [expectedVersions, appendRaces];

/**
 * Tests a store against every rule of the {@link EventStore} port: one named test a rule. It is the port's exact meaning.
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
