import { Application, On, Processor, type HandlerContext } from '@tidemark/core';
import { Finding } from '../domain/material.js';
import { ReportSearchFailure, SearchRequested, SubmitFindings } from '../domain/search-messages.js';
import { search, searchId } from '../domain/search.js';
import { Library } from '../library/library.js';
import { Desks } from './desks.js';
import { fulfil } from './duty.js';
import { Sabotage } from './sabotage.js';

const passagesPerSearch = 6;

/** Looks one part up in the library. Requests of different searches are handled side by side, one for each desk. */
@Processor({ name: 'researchers' })
export class Researcher {
  constructor(
    private readonly app: Application,
    private readonly desks: Desks,
    private readonly library: Library,
    private readonly sabotage: Sabotage,
  ) {}

  @On() search({ researchId, part }: SearchRequested, context: HandlerContext) {
    return this.desks.use((desk) =>
      fulfil(this.app, {
        agent: `researcher-${desk}`,
        context,
        awaited: async () => (await this.app.load(search, searchId(researchId, part.id))).state === 'awaited',
        work: async () => {
          // One of the searches fails, so that there are others to be undone.
          if (part.id === 'part-1') this.sabotage.check('search');
          const passages = this.library.search(part.query, passagesPerSearch);
          const findings = passages.map((passage) => new Finding({ ...passage, partId: part.id }));
          return new SubmitFindings({ researchId, partId: part.id, findings });
        },
        failed: (reason) => new ReportSearchFailure({ researchId, partId: part.id, reason }),
      }),
    );
  }
}
