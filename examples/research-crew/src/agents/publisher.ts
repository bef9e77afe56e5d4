import { Application, On, Processor, type HandlerContext } from '@tidemark/core';
import { RecordPublication, ReportFailure } from '../domain/research-commands.js';
import { PublicationRequested, ReportRetracted } from '../domain/research-events.js';
import { Research } from '../domain/research.js';
import { renderReport } from '../publishing/render-report.js';
import { Reports } from '../publishing/reports.js';
import { fulfil } from './duty.js';
import { Sabotage } from './sabotage.js';

/** Writes the report to its file, and takes it away again if it is retracted. */
@Processor({ name: 'publisher' })
export class Publisher {
  constructor(
    private readonly app: Application,
    private readonly reports: Reports,
    private readonly sabotage: Sabotage,
  ) {}

  @On() publish({ researchId, question, approvedBy, draft }: PublicationRequested, context: HandlerContext) {
    return fulfil(this.app, {
      agent: 'publisher',
      context,
      awaited: async () => (await this.app.load(Research, researchId)).state.awaiting === 'publish',
      work: async () => {
        this.sabotage.check('publish');
        // Written again after a crash, it is the same file with the same bytes.
        const written = await this.reports.write(researchId, renderReport(question, draft, approvedBy));
        return new RecordPublication({ researchId, ...written });
      },
      failed: (reason) => new ReportFailure({ researchId, work: 'publish', reason }),
    });
  }

  @On() retract({ researchId }: ReportRetracted) {
    return this.reports.remove(researchId);
  }
}
