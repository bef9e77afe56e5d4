import type { Group } from './harness.js';
import { eventsIn, preparedBare, preparedMap, preparedMemory, preparedOurs } from './prepared-logs.js';
import { catchUpBare, catchUpInTransactions, catchUpOnMap, catchUpOurs } from './process/catch-up.js';
import { followBare, followOurs } from './process/live.js';
import { processingBesideEmmett } from './process/beside-peer.js';
import { projectBare, projectOurs } from './process/project.js';
import { sagaStepsBare, sagaStepsOurs } from './process/saga-steps.js';
import { onPglite, onPostgres, type Store } from './stores.js';

const onStore = (store: Store, scale: number): Group => {
  const streams = 20 * scale;
  const events = eventsIn(streams);
  return {
    needs: store.needs,
    cases: [
      { name: `${store.name}, catch-up with ${events}, no-op handler`, unit: 'events' },
      { name: `${store.name}, catch-up with ${events}, no-op batches in transactions`, unit: 'events' },
      { name: `${store.name}, document projection of ${events}`, unit: 'events' },
    ],
    ours: async () => {
      const backend = await preparedOurs(store, streams);
      return {
        runs: [
          () => catchUpOurs(backend, events),
          () => catchUpInTransactions(backend, events),
          () => projectOurs(backend, events),
        ],
        close: () => backend.close(),
      };
    },
    bare: async () => {
      const log = await preparedBare(store, streams);
      return {
        runs: [
          () => catchUpBare(log, events),
          () => catchUpBare(log, events),
          () => projectBare(log, events),
        ],
        close: () => log.close(),
      };
    },
  };
};

/** On databases of their own, which are empty: the way of one event is to be seen, not that of many. */
const liveOn = (store: Store, scale: number): Group => {
  const events = 250 * scale;
  return {
    needs: store.needs,
    cases: [{ name: `${store.name}, append → handled, one after the other`, unit: 'events' }],
    ours: async () => {
      const backend = await store.ours();
      return { runs: [() => followOurs(backend, events)], close: () => backend.close() };
    },
    bare: async () => {
      const log = await store.bare();
      return { runs: [() => followBare(log, events)], close: () => log.close() };
    },
  };
};

/** Workflows are measured where they are run in earnest: what they wait for is the database. */
const sagasOnPostgres = (): Group => ({
  needs: onPostgres.needs,
  cases: [{ name: 'PostgreSQL, sagas, event → decision → command → event', unit: 'steps' }],
  ours: async () => {
    const backend = await onPostgres.ours();
    return { runs: [() => sagaStepsOurs(backend)], close: () => backend.close() };
  },
  bare: async () => {
    const log = await onPostgres.bare();
    return { runs: [() => sagaStepsBare(log)], close: () => log.close() };
  },
});

const inMemory = (scale: number): Group => {
  const streams = 50 * scale;
  const events = eventsIn(streams);
  return {
    cases: [{ name: `memory, catch-up with ${events}, no-op handler`, unit: 'events' }],
    ours: async () => {
      const backend = await preparedMemory(streams);
      return { runs: [() => catchUpOurs(backend, events)] };
    },
    bare: async () => {
      const log = await preparedMap(streams);
      return { runs: [() => catchUpOnMap(log)] };
    },
  };
};

/** Following the log: catching up, building a read model, and the way of a single event. */
export const processing = (scale: number, peers: boolean): readonly Group[] => [
  ...(peers ? [processingBesideEmmett(scale)] : []),
  onStore(onPostgres, scale),
  liveOn(onPostgres, scale),
  sagasOnPostgres(),
  onStore(onPglite, scale),
  liveOn(onPglite, scale),
  inMemory(scale),
];
