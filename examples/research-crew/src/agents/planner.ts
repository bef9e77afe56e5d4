import { Application, On, Processor, type HandlerContext } from '@tidemark/core';
import { ReportFailure, SubmitPlan } from '../domain/research-commands.js';
import { PlanRequested } from '../domain/research-events.js';
import { Research } from '../domain/research.js';
import { Library } from '../library/library.js';
import { Mind } from '../thinking/mind.js';
import { fulfil } from './duty.js';
import { Sabotage } from './sabotage.js';

/** Splits a question into parts. What it depends on comes from the container, found by the types of the parameters. */
@Processor({ name: 'planner' })
export class Planner {
  constructor(
    private readonly app: Application,
    private readonly library: Library,
    private readonly mind: Mind,
    private readonly sabotage: Sabotage,
  ) {}

  @On() plan({ researchId, question }: PlanRequested, context: HandlerContext) {
    return fulfil(this.app, {
      agent: 'planner',
      context,
      awaited: async () => (await this.app.load(Research, researchId)).state.awaiting === 'plan',
      work: async () => {
        this.sabotage.check('plan');
        const overview = this.library.overview(question);
        return new SubmitPlan({
          researchId,
          parts: await this.mind.plan(question, overview, context.signal),
        });
      },
      failed: (reason) => new ReportFailure({ researchId, work: 'plan', reason }),
    });
  }
}
