import { describe } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { redis } from '@tidemark/adapters/redis';
import { conformance } from '../support/conformance.js';
import { startPostgres } from '../support/postgres-server.js';
import { startRedis } from '../support/redis-server.js';

describe('PostgreSQL and Redis', () => {
  conformance(async () => {
    const [server, redisServer] = await Promise.all([startPostgres(), startRedis()]);
    const schema = server.schema();
    const keyPrefix = redisServer.prefix();
    return {
      async open() {
        const backend = postgres({
          connectionString: server.connectionString,
          schema,
          redis: redis({ connectionString: redisServer.url, keyPrefix }),
        });
        await backend.open();
        return backend;
      },
      async close() {
        await server.close();
        await redisServer.close();
      },
    };
  });
});
