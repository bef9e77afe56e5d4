import { Application, On, Processor, type HandlerContext } from '@tidemark/core';
import { ReportFailure, SubmitReview } from '../domain/research-commands.js';
import { ReviewRequested } from '../domain/research-events.js';
import { Research } from '../domain/research.js';
import { Mind } from '../thinking/mind.js';
import { fulfil } from './duty.js';
import { Sabotage } from './sabotage.js';

/** Looks for claims that nothing supports. */
@Processor({ name: 'critic' })
export class Critic {
  constructor(
    private readonly app: Application,
    private readonly mind: Mind,
    private readonly sabotage: Sabotage,
  ) {}

  @On() review({ researchId, round, draft, findings }: ReviewRequested, context: HandlerContext) {
    return fulfil(this.app, {
      agent: 'critic',
      context,
      awaited: async () => {
        const { state } = await this.app.load(Research, researchId);
        return state.awaiting === 'review' && state.round === round;
      },
      work: async () => {
        this.sabotage.check('review');
        const problems = await this.mind.review(draft, findings, context.signal);
        return new SubmitReview({ researchId, problems });
      },
      failed: (reason) => new ReportFailure({ researchId, work: 'review', reason }),
    });
  }
}
