// #region saga
import { On } from '@tidemark/core';
import { OnCompleted, Saga, Starts, type SagaContext } from '@tidemark/sagas';
import { BriefingRequested } from './briefing.js';
import { AssignTask, CancelTask, TaskFinished } from './messages.js';

@Saga({ name: 'briefing' })
export class BriefingSaga {
  results: string[] = []; // The fields are the saga's state, recorded with every decision.

  @Starts({ key: ({ briefingId }: BriefingRequested) => briefingId })
  requested({ topics }: BriefingRequested, saga: SagaContext) {
    for (const topic of topics) this.assign('research', topic, 'researcher', topic, saga);
  }

  @On() taskFinished({ result }: TaskFinished) {
    this.results.push(result);
  }

  @OnCompleted('research') write(saga: SagaContext) {
    this.assign('write', 'report', 'writer', this.results.join('\n'), saga);
  }

  @OnCompleted('write') written(saga: SagaContext) {
    saga.complete({ report: this.results.at(-1) });
  }

  private assign(step: string, key: string, agent: string, what: string, saga: SagaContext) {
    const taskId = `${saga.key}-${key}`;
    saga.step(step, {
      key, // Steps with different keys run side by side.
      command: new AssignTask(taskId, agent, what),
      completedBy: TaskFinished,
      deadline: '10m',
      inverse: new CancelTask(taskId), // If a step fails for good, all of them are undone in reverse order.
    });
  }
}
// #endregion saga
