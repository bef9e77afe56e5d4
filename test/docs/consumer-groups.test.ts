import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import { memory } from '@tidemark/core';
import { Container } from 'inversify';
import { startTestEventStoreDb, type SteerableEventStoreDb } from '../support/eventstoredb/start.js';
import { lettersApp } from './consumer-groups.js';
import { Mail } from './processors.js';

let server: SteerableEventStoreDb;
beforeAll(async () => {
  server = await startTestEventStoreDb();
});
afterAll(() => server.close());

it('a group of consumers, and what is parked', async () => {
  const sent: string[] = [];
  const post = {
    broken: true,
    async send({ to }: { readonly to: string }) {
      if (this.broken && to === 'Bo') throw new Error('no such address');
      sent.push(to);
    },
  };
  const container = new Container();
  container.bind(Mail).toConstantValue(post);
  const app = lettersApp(server.connectionString, container);
  await app.start();
  const backend = eventStoreDb({ connectionString: server.connectionString, state: memory() });
  await backend.open();
  for (const agent of ['Ada', 'Bo', 'Cy']) {
    await backend.events.append(`task-${agent}`, [
      { type: 'task.assigned', data: { agent, what: 'Read this.' } },
    ]);
  }
  const eventually = async (isDone: () => Promise<boolean>): Promise<void> => {
    while (!(await isDone())) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await eventually(async () => sent.length === 2 && (await app.consumerGroup('letters').info()).parked === 1);

  // #region parked
  const group = app.consumerGroup('letters');
  const { parked, inFlight, consumers } = await group.info(); // Of all processes together.
  const [entry] = await group.parked({ limit: 10 });
  console.log(parked, entry?.event?.stream, entry?.reason);

  post.broken = false; // Mend what was wrong, then:
  const count = await group.replayParked(); // Or only some: replayParked({ limit: 1 }).
  // #endregion parked

  expect({ parked, inFlight, consumers, count }).toEqual({ parked: 1, inFlight: 0, consumers: 1, count: 1 });
  expect(entry).toMatchObject({
    event: { stream: 'task-Bo' },
    reason: expect.stringContaining('no such address'),
  });
  await eventually(async () => sent.includes('Bo'));
  await backend.close();
  await app.stop();
}, 60_000);
