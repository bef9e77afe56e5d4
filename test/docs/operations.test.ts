import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { redis } from '@tidemark/adapters/redis';
import { createApp, memory } from '@tidemark/core';
import { startPostgres, type TestServer } from '../support/postgres-server.js';
import { startRedis, type TestRedis } from '../support/redis-server.js';
import { createTasks } from './backends.js';
import { AssignTask } from './first-app/messages.js';
import { Task } from './first-app/task.js';
import { archiveOld, onPostgres, onPostgresAndRedis, serveProbes } from './operations.js';

let server: TestServer;
let redisServer: TestRedis;
beforeAll(async () => {
  [server, redisServer] = await Promise.all([startPostgres(), startRedis()]);
}, 120_000);
afterAll(() => Promise.all([server.close(), redisServer.close()]));

it('makes backends that need nothing but where the servers are', async () => {
  const places = { databaseUrl: server.connectionString, redisUrl: redisServer.url };
  for (const backend of [onPostgres(places), onPostgresAndRedis(places)]) {
    expect(backend).toMatchObject({ name: 'postgres', sql: true });
  }
});

it('runs the same application on PostgreSQL, with Redis beside it', async () => {
  const schema = server.schema();
  const live = redis({ connectionString: redisServer.url, keyPrefix: redisServer.prefix() });
  const app = createTasks(postgres({ connectionString: server.connectionString, schema, redis: live }));
  await app.start();
  await app.send(new AssignTask('t1', 'ada', 'count the waves'));
  expect((await app.load(Task, 't1')).version).toBe(0);
  await app.stop();
});

it('archives nothing that is younger than it is told', async () => {
  const backend = postgres({ connectionString: server.connectionString, schema: server.schema() });
  await backend.open();
  await backend.events.append('a', [
    { type: 'T', data: 1 },
    { type: 'T', data: 2 },
  ]);
  const log = jest.spyOn(console, 'log').mockReturnValue(undefined);
  expect(await archiveOld(backend)).toBe(0);
  expect(log).toHaveBeenLastCalledWith(expect.stringContaining('0 events are archived'));
  log.mockRestore();
  expect((await backend.archive({ upTo: 2n })).archived).toBe(1);
  await backend.close();
});

it('answers the probes of an orchestrator', async () => {
  const app = createApp({ backend: memory(), register: [Task] });
  const probes = serveProbes(app).listen(0, '127.0.0.1');
  await once(probes, 'listening');
  const { port } = probes.address() as AddressInfo;
  const ask = async (path: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}${path}`)).status;
  const both = async () => [await ask('/live'), await ask('/ready')];
  expect(await both()).toEqual([200, 503]);
  await app.start();
  expect(await both()).toEqual([200, 200]);
  await app.stop();
  expect(await both()).toEqual([503, 503]);
  probes.close();
});
