import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { memory } from '@tidemark/core';
import { startTestEventStoreDb } from '../support/eventstoredb/start.js';
import { createTasks } from './backends.js';
import { onEventStoreDb, onKurrentDb } from './eventstoredb.js';
import { AssignTask } from './first-app/messages.js';
import { Task } from './first-app/task.js';

it('runs the same application on EventStoreDB', async () => {
  const server = await startTestEventStoreDb();
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-docs-'));
  const app = createTasks(onEventStoreDb(server.connectionString, folder));
  await app.start();
  await app.send(new AssignTask('t1', 'ada', 'count the waves'));
  expect((await app.load(Task, 't1')).version).toBe(0);
  await app.stop();
  await server.close();
  await rm(folder, { recursive: true });
});

it('takes the client of KurrentDB', () => {
  expect(onKurrentDb('kurrentdb://localhost:2113?tls=false', memory()).name).toBe('eventstoredb');
});
