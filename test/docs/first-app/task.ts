// #region task
import { Aggregate, Apply, CommandHandler } from '@tidemark/core';
import { AssignTask, CancelTask, FinishTask, TaskAssigned, TaskCancelled, TaskFinished } from './messages.js';

@Aggregate({ name: 'task' })
export class Task {
  private agent = '';
  private status: 'new' | 'open' | 'finished' | 'cancelled' = 'new';

  // Decide: look at the state, return events, change nothing.
  @CommandHandler() assign({ taskId, agent, what }: AssignTask) {
    if (this.status !== 'new') throw new Error(`Task ${taskId} is assigned already.`);
    return new TaskAssigned(taskId, agent, what);
  }

  @CommandHandler() finish({ taskId, result }: FinishTask) {
    if (this.status !== 'open') throw new Error(`Task ${taskId} is ${this.status}: it cannot be finished.`);
    return new TaskFinished(taskId, this.agent, result);
  }

  @CommandHandler() cancel({ taskId }: CancelTask) {
    if (this.status === 'open') return new TaskCancelled(taskId, this.agent);
    return undefined; // There is nothing to cancel: no event, no error.
  }

  // Apply: change the state by one event, and nothing else. This is how the aggregate is loaded, too.
  @Apply() assigned({ agent }: TaskAssigned) {
    this.agent = agent;
    this.status = 'open';
  }

  @Apply(TaskFinished) finished() {
    this.status = 'finished';
  }

  @Apply(TaskCancelled) cancelled() {
    this.status = 'cancelled';
  }
}
// #endregion task
