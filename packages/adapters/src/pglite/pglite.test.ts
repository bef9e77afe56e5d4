import { describe, it } from '@jest/globals';
import { manualClock, eventStoreConformance } from '@tidemark/core/testing';
import { pglite } from './pglite.js';

describe('PGlite in memory', () => {
  eventStoreConformance({
    describe,
    it,
    async create() {
      const clock = manualClock();
      const backend = pglite({ clock });
      await backend.open();
      return {
        store: backend.events,
        elapse: (milliseconds) => clock.advance(milliseconds),
        close: () => backend.close(),
      };
    },
  });
});
