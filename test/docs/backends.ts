import { pglite } from '@tidemark/adapters/pglite';
import { createApp, memory, type Application, type Backend } from '@tidemark/core';
import { Task } from './first-app/task.js';

// #region choose
export const chooseBackend = (folder: string | undefined): Backend =>
  folder === undefined ? memory() : pglite({ folder });

export const createTasks = (backend: Backend): Application => createApp({ backend, register: [Task] });
// #endregion choose
