import { expect, it } from '@jest/globals';
import { decider, memory } from '@tidemark/core';
import { testApp } from '@tidemark/core/testing';
import { saga } from '../model/saga.js';
import { Sagas } from './sagas.js';

const started = { type: 'started', data: { key: 'a' } } as const;

const job = decider({
  name: 'job',
  commands: ['start', 'end'],
  target: ({ data }) => data.key,
  initialState: () => ({ key: '' }),
  decide: (command: { type: 'start' | 'end'; data: { key: string } }) => ({
    type: command.type === 'start' ? ('started' as const) : ('ended' as const),
    data: command.data,
  }),
  evolve: (_, { data }: { type: 'started' | 'ended'; data: { key: string } }) => data,
});

const keyOf = (data: unknown): string => (data as { readonly key: string }).key;

const jobs = saga({ name: 'jobs', state: () => ({}) })
  .starts('started', { key: keyOf }, (_, __, context) => {
    context.requestApproval('end', { question: 'Has it ended?' });
  })
  .onApproval('end', (_, { outcome }, context) => {
    if (outcome === 'approved') context.complete('well done');
    else context.compensate('no');
  })
  .build();

it('waits for a status that comes, and sees at once one that is there', async () => {
  await using world = await testApp({ register: [job, jobs] });
  const sagas = world.app.get(Sagas);
  const waiting = sagas.waitFor('jobs', 'a', { status: 'waiting' });
  const ended = sagas.waitFor('jobs', 'a');
  await world.app.send({ type: 'start', data: started.data });
  await world.app.send({ type: 'start', data: { key: 'aa' } });
  expect(await waiting).toMatchObject({ key: 'a', status: 'waiting' });
  await sagas.approve('jobs', 'a', 'end', { by: 'ada' });
  expect(await ended).toMatchObject({ key: 'a', status: 'completed', result: 'well done' });
  expect(await sagas.waitFor('jobs', 'a')).toMatchObject({ status: 'completed' });
  expect(await sagas.get('jobs', 'aa')).toMatchObject({ status: 'waiting' });
});

it('ends with the reason of its signal', async () => {
  await using world = await testApp({ register: [job, jobs] });
  const sagas = world.app.get(Sagas);
  const controller = new AbortController();
  const wait = sagas.waitFor('jobs', 'never', { signal: controller.signal });
  controller.abort(new Error('enough'));
  await expect(wait).rejects.toThrow('enough');
  await expect(
    sagas.waitFor('jobs', 'never', { signal: AbortSignal.abort(new Error('before')) }),
  ).rejects.toThrow('before');
});

it('ends when the application stops', async () => {
  const backend = memory();
  const { app } = await testApp({ backend, register: [job, jobs] });
  await app.send({ type: 'start', data: started.data });
  const sagas = app.get(Sagas);
  await sagas.waitFor('jobs', 'a', { status: 'waiting' });
  const wait = sagas.waitFor('jobs', 'a');
  const stopped = app.stop();
  await expect(wait).rejects.toThrow('stopped while "saga:jobs-a" was waited for');
  await stopped;
});
