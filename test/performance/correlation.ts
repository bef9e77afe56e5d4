import type { Group } from './harness.js';
import { eventsIn, preparedBare, preparedOurs } from './prepared-logs.js';
import { correlateBare, correlateOurs, followed, windowed } from './process/correlate.js';
import { onPglite, onPostgres, type Store } from './stores.js';

const onStore = (store: Store, scale: number): Group => {
  const streams = Math.ceil(20 * scale);
  const events = eventsIn(streams);
  return {
    needs: store.needs,
    cases: [
      { name: `${store.name}, tumbling windows over ${events}`, unit: 'events' },
      { name: `${store.name}, a pattern of two over ${events}, beside windows by hand`, unit: 'events' },
    ],
    ours: async () => {
      const backend = await preparedOurs(store, streams);
      return {
        runs: [
          () => correlateOurs(backend, events, windowed),
          () => correlateOurs(backend, events, followed),
        ],
        close: () => backend.close(),
      };
    },
    bare: async () => {
      const log = await preparedBare(store, streams);
      return {
        runs: [() => correlateBare(log, events), () => correlateBare(log, events)],
        close: () => log.close(),
      };
    },
  };
};

/** Windows and patterns by key, exactly once. */
export const correlation = (scale: number): readonly Group[] => [
  onStore(onPostgres, scale),
  onStore(onPglite, scale),
];
