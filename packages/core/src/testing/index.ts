// The public API of @tidemark/core/testing.

export { manualClock, type ManualClock } from './manual-clock.js';

// Conformance: what a store must do, for those who write one
export {
  eventStoreChapters,
  eventStoreConformance,
  type EventStoreConformanceOptions,
} from './conformance/event-store-conformance.js';
export { EventStoreTrial, type EventStoreFixture } from './conformance/event-store-trial.js';
export type { Chapter, Rule, TestRunner } from './conformance/conformance.js';
