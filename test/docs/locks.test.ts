import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { createApp, memory } from '@tidemark/core';
import { startPostgres, type TestServer } from '../support/postgres-server.js';
import { countWithFence, keepHouse, publishOnce } from './locks.js';

let server: TestServer;
beforeAll(async () => {
  server = await startPostgres();
}, 120_000);
afterAll(() => server.close());

it('does work under a lock', async () => {
  await using app = createApp({ backend: memory(), register: [] });
  await app.start();
  expect(await publishOnce(app, async (token) => `published by ${token}`)).toBe('published by 1');
  expect(await publishOnce(app, async (token) => `published by ${token}`)).toBe('published by 2');
});

it('fences a transaction', async () => {
  const backend = postgres({ connectionString: server.connectionString, schema: server.schema() });
  await using app = createApp({ backend, register: [] });
  await app.start();
  await backend.transaction(async (tx) => {
    await tx.query('CREATE TABLE counters (value integer)');
    await tx.query('INSERT INTO counters VALUES (1)');
  });
  await countWithFence(app, (work) => backend.transaction(work));
  const counted = await backend.transaction((tx) => tx.query('SELECT value FROM counters'));
  expect(counted.rows).toEqual([{ value: 2 }]);
  await backend.transaction((tx) => tx.query('DROP TABLE counters'));
});

it('has a duty on one of two nodes', async () => {
  const schema = server.schema();
  const nodes = ['one', 'two'].map((name) =>
    createApp({
      backend: postgres({ connectionString: server.connectionString, schema }),
      register: [],
      node: { name },
      leaseMs: 1_000,
    }),
  );
  const cleaning: number[] = [];
  for (const [index, app] of nodes.entries()) {
    await app.start();
    keepHouse(app, async (signal) => {
      cleaning.push(index);
      await wait(20, undefined, { signal }).catch(() => undefined);
    });
  }
  while (cleaning.length < 5) await wait(5);
  const [first = 0] = cleaning;
  expect(new Set(cleaning)).toEqual(new Set([first]));
  await nodes[first]?.stop();
  const before = cleaning.length;
  while (cleaning.length < before + 5) await wait(5);
  expect(cleaning.at(-1)).toBe(1 - first);
  await nodes[1 - first]?.stop();
});
