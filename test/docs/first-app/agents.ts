// #region agents
import { CommandBus, deterministicId, On, Processor, type HandlerContext } from '@tidemark/core';
import { FinishTask, TaskAssigned } from './messages.js';

/** Whatever answers: a language model, a search engine, a person at a desk. */
export abstract class Model {
  abstract answer(agent: string, what: string): Promise<string>;
}

@Processor({ name: 'agents', concurrency: 4 })
export class Agents {
  // Both are found in the container by their classes.
  constructor(
    private readonly commands: CommandBus,
    private readonly model: Model,
  ) {}

  @On() async work({ taskId, agent, what }: TaskAssigned, context: HandlerContext) {
    context.set('agentId', agent); // Flows into the command and its events.
    const result = await this.model.answer(agent, what);
    // After a crash the event comes again: with the same id the command is answered as the first time.
    await this.commands.send(new FinishTask(taskId, result), {
      id: deterministicId(context.event.id, 'finish'),
    });
  }
}
// #endregion agents
