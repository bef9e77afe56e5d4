import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import type { Backend } from '@tidemark/core';
import { backendConformance, eventStoreConformance, manualClock } from '@tidemark/core/testing';
import { pglite } from './pglite.js';

/** Opening takes a second, and the suites use only names of their own: one backend for all rules that do not close it. */
describe('PGlite in memory', () => {
  const clock = manualClock();
  const options = { clock };
  let backend: Backend = pglite(options);
  const elapse = (milliseconds: number): Promise<void> => clock.advance(milliseconds);
  const staysOpen = async (): Promise<void> => undefined;

  beforeAll(() => backend.open());
  afterAll(() => backend.close());

  eventStoreConformance({
    describe,
    it,
    create: async () => ({ store: backend.events, elapse, close: staysOpen }),
  });
  backendConformance({
    describe,
    it,
    create: async () => ({ backend, elapse, close: staysOpen }),
    async createToClose() {
      const another = pglite(options);
      await another.open();
      return { backend: another, elapse, close: () => another.close() };
    },
  });
});

describe('PGlite in a folder, in a schema with an odd name, by the database clock', () => {
  let folder = '';
  let backend: Backend = pglite();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-pglite-'));
    backend = pglite({ folder, schema: `it's "odd" {schema}\\` });
    await backend.open();
  });
  afterAll(async () => {
    await backend.close();
    await rm(folder, { recursive: true, force: true });
  });

  const staysOpen = async (): Promise<void> => undefined;
  eventStoreConformance({
    describe,
    it,
    create: async () => ({
      store: backend.events,
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
    create: async () => ({ backend, close: staysOpen }),
    async createToClose() {
      await backend.open();
      return { backend, close: () => backend.open() };
    },
  });
});
