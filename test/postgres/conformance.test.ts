import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import type { Backend } from '@tidemark/core';
import { backendConformance, eventStoreConformance } from '@tidemark/core/testing';
import { startPostgres, type TestServer } from '../support/postgres-server.js';

describe('PostgreSQL, in a schema with an odd name', () => {
  let server: TestServer | undefined;
  let open: () => Promise<Backend> = async () => {
    throw new Error('not started');
  };
  let backend: Backend = postgres({ connectionString: 'postgres://nowhere' });

  beforeAll(async () => {
    const started = await startPostgres();
    server = started;
    const schema = `${started.schema()} it's "odd"`;
    open = async () => {
      const opened = postgres({ connectionString: started.connectionString, schema, pollMs: 100 });
      await opened.open();
      return opened;
    };
    backend = await open();
  }, 60_000);
  afterAll(async () => {
    await backend.close();
    await server?.close();
  });

  const staysOpen = async (): Promise<void> => undefined;
  eventStoreConformance({
    describe,
    it,
    create: async () => ({
      store: backend.events,
      async connect() {
        const another = await open();
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
    create: async () => ({ backend, connect: open, close: staysOpen }),
    async createToClose() {
      const another = await open();
      return { backend: another, close: () => another.close() };
    },
  });
});
