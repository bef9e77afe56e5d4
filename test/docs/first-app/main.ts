// #region main
import { pglite } from '@tidemark/adapters/pglite';
import { Projections } from '@tidemark/projections';
import { Sagas } from '@tidemark/sagas';
import { Model } from './agents.js';
import { createDesk } from './app.js';
import { RequestBriefing } from './briefing.js';
import { Workload } from './workload.js';

class Echo extends Model {
  async answer(agent: string, what: string): Promise<string> {
    return `${agent} on ${what}`;
  }
}

const backend = pglite({ folder: './data' });
const app = createDesk(backend, new Echo());
await app.start();

await app.send(new RequestBriefing('b1', ['tides', 'moons']));
const sagas = app.get(Sagas);
const { status, result } = await sagas.waitFor('briefing', 'b1');
for (const { what } of await sagas.story('briefing', 'b1')) console.log(what);
console.log(status, result);

await app.waitFor(await backend.events.head()); // Until every read model shows all that has happened.
console.log(await app.get(Projections).of(Workload).get('researcher'));

await app.stop();
// #endregion main
