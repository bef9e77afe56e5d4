import { describe, it } from '@jest/globals';
import { backendConformance } from '../../testing/conformance/backend-conformance.js';
import { eventStoreConformance } from '../../testing/conformance/event-store-conformance.js';
import { manualClock } from '../../testing/manual-clock.js';
import { memory } from './memory.js';

describe('the memory backend', () => {
  eventStoreConformance({
    describe,
    it,
    async create() {
      const clock = manualClock();
      const backend = memory({ clock });
      return {
        store: backend.events,
        close: () => backend.close(),
        elapse: (milliseconds) => clock.advance(milliseconds),
      };
    },
  });

  backendConformance({
    describe,
    it,
    async create() {
      const clock = manualClock();
      const backend = memory({ clock });
      return {
        backend,
        close: () => backend.close(),
        elapse: (milliseconds) => clock.advance(milliseconds),
      };
    },
  });
});
