import { createApp, decider, Event, type Backend } from '@tidemark/core';
import { OnCompleted, Saga, Sagas, Starts, type SagaContext } from '@tidemark/sagas';
import type { BareSqlLog } from '../bare/sql-log.js';
import { checkDone, rate } from '../harness.js';
import { kept } from '../kept-backend.js';
import { newName } from './consumer.js';

/** Workflows that run at the same time, and steps of each, one after the other. */
const workflows = 50;
const stepsEach = 10;

const steps = workflows * stepsEach;

@Event({ name: 'job.requested' })
class JobRequested {
  constructor(readonly jobId: string) {}
}

@Event({ name: 'job.part-done' })
class PartDone {
  constructor(
    readonly jobId: string,
    readonly part: number,
  ) {}
}

interface RequestJob {
  readonly type: 'job.request';
  readonly data: { readonly jobId: string };
}

interface DoPart {
  readonly type: 'job.do-part';
  readonly data: { readonly jobId: string; readonly part: number };
}

type JobEvent =
  | { readonly type: 'job.requested'; readonly data: JobRequested }
  | { readonly type: 'job.part-done'; readonly data: PartDone };

const job = decider({
  name: 'job',
  commands: ['job.request', 'job.do-part'],
  initialState: () => 0,
  decide: (command: RequestJob | DoPart): JobEvent =>
    command.type === 'job.request'
      ? { type: 'job.requested', data: { jobId: command.data.jobId } }
      : { type: 'job.part-done', data: { jobId: command.data.jobId, part: command.data.part } },
  evolve: (parts: number, event: JobEvent) => (event.type === 'job.part-done' ? parts + 1 : parts),
  target: ({ data }) => data.jobId,
});

@Saga({ name: 'chain', concurrency: workflows, events: [PartDone] })
class Chain {
  part = 0;

  @Starts({ key: ({ jobId }: JobRequested) => jobId })
  requested(_: JobRequested, saga: SagaContext) {
    this.next(saga);
  }

  @OnCompleted('part') done(saga: SagaContext) {
    this.part += 1;
    if (this.part < stepsEach) this.next(saga);
    else saga.complete({ parts: this.part });
  }

  private next(saga: SagaContext) {
    const command: DoPart = { type: 'job.do-part', data: { jobId: saga.key, part: this.part } };
    saga.step('part', { key: String(this.part), command, completedBy: PartDone });
  }
}

/** Runs workflows side by side: an event, the decision on it recorded, its command sent, the next event. */
export const sagaStepsOurs = async (backend: Backend): Promise<number> => {
  const app = createApp({ backend: kept(backend), register: [job, JobRequested, PartDone, Chain] });
  await app.start();
  const run = newName();
  const sagas = app.get(Sagas);
  const keys = Array.from({ length: workflows }, (_, index) => `${run}-${index}`);
  const speed = await rate(steps, () =>
    Promise.all(
      keys.map(async (jobId) => {
        await app.send({ type: 'job.request', data: { jobId } });
        await sagas.waitFor('chain', jobId);
      }),
    ),
  );
  for (const key of keys) {
    const view = await sagas.get('chain', key);
    const { parts = 0 } = (view?.result ?? {}) as { readonly parts?: number };
    checkDone('steps of a workflow', parts, stepsEach);
  }
  await app.stop();
  return speed;
};

/** By hand: an insert for the decision and one for the event that follows, for each step, and nothing in between. */
export const sagaStepsBare = (log: BareSqlLog): Promise<number> => {
  const run = newName();
  return rate(steps, () =>
    Promise.all(
      Array.from({ length: workflows }, async (_, index) => {
        for (let step = 0; step < stepsEach; step += 1) {
          const event = { type: 'step', data: { jobId: `${run}-${index}`, part: step }, metadata: {} };
          await log.appendOne(`${run}-saga-${index}`, step, event);
          await log.appendOne(`${run}-job-${index}`, step, event);
        }
      }),
    ),
  );
};
