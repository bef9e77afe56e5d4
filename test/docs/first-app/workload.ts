// #region workload
import { On } from '@tidemark/core';
import { Projection } from '@tidemark/projections';
import { TaskAssigned, TaskCancelled, TaskFinished } from './messages.js';

export interface AgentWorkload {
  readonly open: number;
  readonly finished: number;
}

/** One document for each agent, kept under the agent's name. */
@Projection({ name: 'workload', key: 'agent', indexes: ['open'] })
export class Workload {
  @On() assigned(_: TaskAssigned, before: AgentWorkload = none): AgentWorkload {
    return { ...before, open: before.open + 1 };
  }

  @On() finished(_: TaskFinished, before: AgentWorkload = none): AgentWorkload {
    return { open: before.open - 1, finished: before.finished + 1 };
  }

  @On() cancelled(_: TaskCancelled, before: AgentWorkload = none): AgentWorkload {
    return { ...before, open: before.open - 1 };
  }
}

const none: AgentWorkload = { open: 0, finished: 0 };
// #endregion workload
