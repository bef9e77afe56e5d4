import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { memory, type Backend } from '@tidemark/core';
import { backendConformance, eventStoreConformance } from '@tidemark/core/testing';

/** A place that backends work on together, as processes of one application do. */
export interface SharedPlace {
  /** Opens one more backend on it. */
  open(): Promise<Backend>;
  /** Called when all backends are closed. */
  close(): Promise<void>;
}

/** Both conformance suites on several backends that share a place; to be called within `describe`. */
export const conformance = (start: () => Promise<SharedPlace>): void => {
  let place: SharedPlace = { open: async () => memory(), close: async () => undefined };
  let backend: Backend = memory();

  beforeAll(async () => {
    place = await start();
    backend = await place.open();
  }, 120_000);
  afterAll(async () => {
    await backend.close();
    await place.close();
  });

  const staysOpen = async (): Promise<void> => undefined;
  eventStoreConformance({
    describe,
    it,
    create: async () => ({
      store: backend.events,
      async connect() {
        const another = await place.open();
        return { store: another.events, close: () => another.close() };
      },
      async reopen() {
        await backend.close();
        await backend.open();
        return backend.events;
      },
      close: staysOpen,
    }),
  });
  backendConformance({
    describe,
    it,
    create: async () => ({ backend, connect: () => place.open(), close: staysOpen }),
    async createToClose() {
      const another = await place.open();
      return { backend: another, close: () => another.close() };
    },
  });
};
