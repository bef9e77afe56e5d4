import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { redis } from '@tidemark/adapters/redis';
import type { Backend } from '@tidemark/core';
import { backendConformance, eventStoreConformance } from '@tidemark/core/testing';
import { startPostgres, type TestServer } from '../support/postgres-server.js';
import { startRedis, type TestRedis } from '../support/redis-server.js';

describe('PostgreSQL and Redis', () => {
  let server: TestServer | undefined;
  let redisServer: TestRedis | undefined;
  let open: () => Promise<Backend> = async () => {
    throw new Error('not started');
  };
  let backend: Backend = postgres({ connectionString: 'postgres://nowhere' });

  beforeAll(async () => {
    const started = await startPostgres();
    server = started;
    const startedRedis = await startRedis();
    redisServer = startedRedis;
    const schema = started.schema();
    const keyPrefix = startedRedis.prefix();
    open = async () => {
      const opened = postgres({
        connectionString: started.connectionString,
        schema,
        redis: redis({ connectionString: startedRedis.url, keyPrefix }),
      });
      await opened.open();
      return opened;
    };
    backend = await open();
  }, 120_000);
  afterAll(async () => {
    await backend.close();
    await server?.close();
    await redisServer?.close();
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
