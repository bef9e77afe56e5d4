// #region messages
import { AggregateId, Command, Event } from '@tidemark/core';
import { IsNotEmpty } from 'class-validator';

// Commands: what is asked for. They are validated before anything is decided.

// #region command
@Command({ name: 'task.assign' })
export class AssignTask {
  @AggregateId() readonly taskId: string;
  @IsNotEmpty() readonly agent: string;
  @IsNotEmpty() readonly what: string;

  constructor(taskId: string, agent: string, what: string) {
    this.taskId = taskId;
    this.agent = agent;
    this.what = what;
  }
}
// #endregion command

@Command({ name: 'task.finish' })
export class FinishTask {
  @AggregateId() readonly taskId: string;
  @IsNotEmpty() readonly result: string;

  constructor(taskId: string, result: string) {
    this.taskId = taskId;
    this.result = result;
  }
}

@Command({ name: 'task.cancel' })
export class CancelTask {
  @AggregateId() readonly taskId: string;

  constructor(taskId: string) {
    this.taskId = taskId;
  }
}

// Events: what has happened. Their names are stored, so they stay when a class is renamed.

// #region event
@Event({ name: 'task.assigned' })
export class TaskAssigned {
  constructor(
    readonly taskId: string,
    readonly agent: string,
    readonly what: string,
  ) {}
}
// #endregion event

@Event({ name: 'task.finished' })
export class TaskFinished {
  constructor(
    readonly taskId: string,
    readonly agent: string,
    readonly result: string,
  ) {}
}

@Event({ name: 'task.cancelled' })
export class TaskCancelled {
  constructor(
    readonly taskId: string,
    readonly agent: string,
  ) {}
}
// #endregion messages
