/**
 * For tests: given, when, then; a clock that is turned by hand; whole applications; the rules that every store must keep.
 *
 * @module @tidemark/core/testing
 */

export { manualClock, type ManualClock } from './manual-clock.js';

// Conformance: what a store must do, for those who write one
export {
  eventStoreChapters,
  eventStoreConformance,
  type EventStoreConformanceOptions,
} from './conformance/event-store-conformance.js';
export { EventStoreTrial, type EventStoreFixture } from './conformance/event-store-trial.js';
export {
  backendChapters,
  backendConformance,
  type BackendConformanceOptions,
} from './conformance/backend-conformance.js';
export { BackendTrial, type BackendFixture } from './conformance/backend-trial.js';
export type { Chapter, Rule, TestRunner } from './conformance/conformance.js';

// Aggregates, upcasters and whole applications in tests
export { DecidedScenario, Scenario, scenario, type ScenarioOptions } from './scenario.js';
export { Upcasting, upcasting } from './upcasting.js';
export type { GivenEvent, StoredOldEvent } from './events-in-tests.js';
export type { ExpectedError } from './assert-same.js';
export { testApp, type TestApp, type TestAppOptions } from './test-app.js';
