import { describe, expect, it } from '@jest/globals';
import { memory } from '@tidemark/core';
import {
  backendConformance,
  eventStoreConformance,
  manualClock,
  scenario,
  testApp,
} from '@tidemark/core/testing';
import { Projections } from '@tidemark/projections';
import { projecting } from '@tidemark/projections/testing';
import { Sagas } from '@tidemark/sagas';
import { causes, misses, sagaScenario } from '@tidemark/sagas/testing';
import { createDesk } from './first-app/app.js';
import { Model } from './first-app/agents.js';
import { briefing, BriefingRequested, RequestBriefing } from './first-app/briefing.js';
import { BriefingSaga } from './first-app/briefing-saga.js';
import {
  AssignTask,
  CancelTask,
  FinishTask,
  TaskAssigned,
  TaskCancelled,
  TaskFinished,
} from './first-app/messages.js';
import { Task } from './first-app/task.js';
import { Workload } from './first-app/workload.js';

// #region aggregate
describe('a task', () => {
  const assigned = scenario(Task).given(new TaskAssigned('t1', 'ada', 'count the waves'));

  it('is finished by its agent', async () => {
    await assigned.when(new FinishTask('t1', '7')).thenEvents(new TaskFinished('t1', 'ada', '7'));
  });

  it('is assigned once', async () => {
    await assigned.when(new AssignTask('t1', 'bob', 'count the boats')).thenFails('assigned already');
  });

  it('is not cancelled when it is finished', async () => {
    await assigned
      .given(new TaskFinished('t1', 'ada', '7'))
      .when(new CancelTask('t1'))
      .thenNothing();
  });
});
// #endregion aggregate

// #region projection
it('counts what agents have to do', () => {
  projecting(Workload)
    .given(new TaskAssigned('t1', 'ada', 'count the waves'), new TaskAssigned('t2', 'ada', 'count the boats'))
    .given(new TaskCancelled('t1', 'ada'), new TaskFinished('t2', 'ada', '3'))
    .thenDocument('ada', { open: 0, finished: 1 })
    .thenNoDocument('bob');
});
// #endregion projection

// #region saga
describe('a briefing', () => {
  const asked = sagaScenario(BriefingSaga).given(new BriefingRequested('b1', ['tides', 'moons']));

  it('is written when all is found', () => {
    asked
      .given(causes('research/tides', new TaskFinished('b1-tides', 'researcher', 'They rise.')))
      .when(causes('research/moons', new TaskFinished('b1-moons', 'researcher', 'They pull.')))
      .thenExpect({
        commands: [new AssignTask('b1-report', 'writer', 'They rise.\nThey pull.')],
        status: 'running',
      });
  });

  it('is undone, the last step first, when nobody answers', () => {
    asked.when(misses('research/tides')).thenExpect({
      status: 'compensating',
      inverses: [new CancelTask('b1-moons'), new CancelTask('b1-tides')],
    });
  });
});
// #endregion saga

// #region time
it('gives up a briefing that takes too long', async () => {
  // Runs on the memory backend, with a clock that stands still until it is told to move.
  await using world = await testApp({ register: [Task, BriefingSaga, briefing] });
  const { app, backend, clock } = world;
  await app.waitFor(await app.send(new RequestBriefing('b1', ['tides'])));
  await app.waitFor(await backend.events.head()); // The step is requested, and its deadline set.
  await clock.advance(10 * 60_000);
  const { status, reason } = await app.get(Sagas).waitFor('briefing', 'b1');
  expect({ status, reason }).toEqual({
    status: 'compensated',
    reason: expect.stringContaining('nothing came in time'),
  });
});
// #endregion time

// #region app
class Parrot extends Model {
  async answer(_agent: string, what: string): Promise<string> {
    return what;
  }
}

it('briefs', async () => {
  const backend = memory();
  const app = createDesk(backend, new Parrot());
  await app.start();
  await app.send(new RequestBriefing('b1', ['tides']));
  expect(await app.get(Sagas).waitFor('briefing', 'b1')).toMatchObject({ result: { report: 'tides' } });
  await app.waitFor(await backend.events.head());
  expect(await app.get(Projections).of(Workload).count()).toBe(2);
  await app.stop();
});
// #endregion app

// #region conformance
describe('a store of my own', () => {
  const clock = manualClock();
  const create = async () => {
    const backend = memory({ clock }); // Yours instead.
    await backend.open();
    return backend;
  };
  const elapse = (milliseconds: number) => clock.advance(milliseconds);

  eventStoreConformance({
    describe,
    it,
    async create() {
      const backend = await create();
      return { store: backend.events, elapse, close: () => backend.close() };
    },
  });

  backendConformance({
    describe,
    it,
    async create() {
      const backend = await create();
      return { backend, elapse, close: () => backend.close() };
    },
  });
});
// #endregion conformance
