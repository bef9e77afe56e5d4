import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { FolderInUseError, pglite } from '@tidemark/adapters/pglite';
import { chooseBackend, createTasks } from './backends.js';
import { AssignTask } from './first-app/messages.js';
import { Task } from './first-app/task.js';

it('runs on memory', async () => {
  const app = createTasks(chooseBackend(undefined));
  await app.start();
  await app.send(new AssignTask('t1', 'ada', 'count the waves'));
  expect((await app.load(Task, 't1')).version).toBe(0);
  await app.stop();
});

it('keeps a folder for itself, and finds there what was before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-docs-'));
  const app = createTasks(chooseBackend(folder));
  await app.start();
  await app.send(new AssignTask('t1', 'ada', 'count the waves'));
  await expect(pglite({ folder }).open()).rejects.toThrow(FolderInUseError);
  await app.stop();

  const later = createTasks(chooseBackend(folder));
  await later.start();
  expect((await later.load(Task, 't1')).version).toBe(0);
  await later.stop();
  await rm(folder, { recursive: true });
});
