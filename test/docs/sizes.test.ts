import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { redis } from '@tidemark/adapters/redis';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { sampleEvents } from '../performance/sample-events.js';
import { startOwnPostgres } from '../support/postgres-server.js';
import { startRedis } from '../support/redis-server.js';

/*
 * The sizes that the operations guide tells of, for events of 199 bytes of data and 138 of metadata, ten to a stream. They are
 * bounded from both sides: where they change much, the guide must.
 */

const count = 20_000;

it('is about as large in PostgreSQL and in Redis as the operations guide says', async () => {
  const [server, redisServer] = await Promise.all([startOwnPostgres(), startRedis()]);
  const { connectionString } = server;
  const schema = server.schema();
  const keyPrefix = redisServer.prefix();
  const live = redis({ connectionString: redisServer.url, keyPrefix });
  const backend = postgres({ connectionString, schema, redis: live });
  await backend.open();
  const subscription = backend.events.subscribe();
  let seen = 0;
  const following = (async () => {
    for await (const { events } of subscription) seen += events.length;
  })();
  while (!live.relay.leads) await wait(10);
  const events = sampleEvents(count);
  const hasSeen = (wanted: number): boolean => seen >= wanted;
  for (let first = 0; first < count; first += 500) {
    await Promise.all(
      Array.from({ length: 50 }, (_, stream) =>
        backend.events.append(
          `order-${first / 10 + stream}`,
          events.slice(first + stream * 10, first + (stream + 1) * 10),
        ),
      ),
    );
    while (!hasSeen(first + 500)) await wait(1);
  }

  const client = new Client({ connectionString });
  await client.connect();
  const { rows } = await client.query<{ readonly rows_bytes: number; readonly indexes_bytes: number }>(
    `SELECT pg_relation_size(c.oid)::float8 AS rows_bytes, pg_indexes_size(c.oid)::float8 AS indexes_bytes
       FROM pg_class c WHERE c.oid = '${schema}.events'::regclass`,
  );
  await client.end();
  const perEvent = [(rows[0]?.rows_bytes ?? 0) / count, (rows[0]?.indexes_bytes ?? 0) / count];
  expect(perEvent[0]).toBeGreaterThan(420);
  expect(perEvent[0]).toBeLessThan(490);
  expect(perEvent[1]).toBeGreaterThan(80);
  expect(perEvent[1]).toBeLessThan(190);

  const redisClient = new Redis(redisServer.url);
  const [tail = ''] = await redisClient.keys(`${keyPrefix}:*:tail`);
  while (live.counters().relayed + live.counters().dropped < count) await wait(10);
  const length = await redisClient.xlen(tail);
  const bytes = Number(await redisClient.memory('USAGE', tail, 'SAMPLES', 0));
  redisClient.disconnect();
  expect(length).toBeGreaterThanOrEqual(10_000);
  expect(length).toBeLessThan(10_300);
  expect(bytes).toBeGreaterThan(4_000_000);
  expect(bytes).toBeLessThan(8_000_000);

  await subscription.close();
  await following;
  await backend.close();
  await Promise.all([server.close(), redisServer.close()]);
}, 180_000);
