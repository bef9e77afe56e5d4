import { Application, On, Processor, type HandlerContext } from '@tidemark/core';
import { ReportFailure, SubmitDraft } from '../domain/research-commands.js';
import { DraftRequested } from '../domain/research-events.js';
import { Research } from '../domain/research.js';
import { Mind } from '../thinking/mind.js';
import { fulfil } from './duty.js';
import { Sabotage } from './sabotage.js';

/** Writes drafts, and mends what the critic sent back. */
@Processor({ name: 'writer' })
export class Writer {
  constructor(
    private readonly app: Application,
    private readonly mind: Mind,
    private readonly sabotage: Sabotage,
  ) {}

  @On() write(request: DraftRequested, context: HandlerContext) {
    const { researchId, round } = request;
    return fulfil(this.app, {
      agent: 'writer',
      context,
      awaited: async () => {
        const { state } = await this.app.load(Research, researchId);
        return state.awaiting === 'draft' && state.round === round;
      },
      work: async () => {
        this.sabotage.check('draft');
        return new SubmitDraft({ researchId, draft: await this.mind.draft(request, context.signal) });
      },
      failed: (reason) => new ReportFailure({ researchId, work: 'draft', reason }),
    });
  }
}
