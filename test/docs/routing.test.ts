import { expect, it, jest } from '@jest/globals';
import { createApp, matching, memory, route, type NewEvent } from '@tidemark/core';
import { setImmediate } from 'node:timers/promises';
import { AgentLog, Leftovers, Reviewers, routes } from './routing.js';

const said = (): string[] => {
  const lines: string[] = [];
  jest.spyOn(console, 'log').mockImplementation((...words: unknown[]) => void lines.push(words.join(' ')));
  return lines;
};

const started = async () => {
  const backend = memory();
  // #region app
  const app = createApp({
    backend,
    register: [AgentLog, Reviewers, Leftovers],
    routes,
    unrouted: { to: 'leftovers' }, // Default: 'count'. 'ignore' saves the subscription that counts.
  });
  // #endregion app
  await app.start();
  const append = async (stream: string, ...events: readonly NewEvent[]) =>
    app.waitFor((await backend.events.append(stream, events)).position);
  return { app, backend, append };
};

it('takes types by pattern', async () => {
  const { app, append } = await started();
  await append(
    'task-1',
    { type: 'agent.write.completed', data: 0, metadata: { agentId: 'ada' } },
    { type: 'agent.research.failed', data: 0 },
    { type: 'agent.research.begun', data: 0 },
  );
  expect(app.get(AgentLog).lines).toEqual([
    'ada completed agent.write.completed',
    'research failed on task-1',
  ]);
  await app.stop();
});

it('routes by type, stream, agent, data and content, splits, and gives the rest to one processor', async () => {
  const { app, append } = await started();
  await append(
    'claim-1',
    { type: 'claim.made', data: { amount: 2_000 }, metadata: { agentId: 'ada' } },
    { type: 'claim.made', data: { amount: 10 }, metadata: { agentId: 'ada' } },
    { type: 'claim.detailed', data: { amount: 3, lines: ['hotel', 'taxi'] } },
    { type: 'claim.forwarded', data: { to: 'leftovers' } },
  );
  expect(app.get(Reviewers).reviewed).toEqual([{ amount: 2_000 }, 'hotel', 'taxi']);
  expect(app.get(Leftovers).types).toEqual(['claim.made', 'claim.forwarded']);
  const lines = said();
  while (app.routes.unrouted()?.total !== 1) await setImmediate();
  // #region unrouted
  for (const { type, count } of app.routes.unrouted()?.types ?? []) console.log(type, count);
  // claim.made 1
  // #endregion unrouted
  expect(lines).toEqual(['claim.made 1']);
  await app.stop();
});

it('changes routes, processors and subscriptions while the application runs', async () => {
  const { app, append } = await started();
  const lines = said();
  const flags = { audit: false };
  // #region changes
  const { after } = await app.routes.add(
    route({ name: 'small claims', match: 'claim.made', to: 'reviewers' }),
  );
  // It counts for events behind position `after`, in every processor, however far behind that is.
  await app.routes.disable('small claims');
  await app.routes.enable('small claims');
  await app.routes.add(
    route({ name: 'audit', match: 'audit.**', to: 'leftovers', enabledWhen: () => flags.audit }),
  );
  for (const { name, match, active } of app.routes.list()) console.log(`${name}: ${match} (${active})`);
  await app.routes.remove('audit');
  // #endregion changes
  expect(after).toBe(0n);
  expect(lines).toEqual([
    'large claims: type claim.made, stream claim-*, agent ada*, data.amount gte 1000 (true)',
    'lines of claims: type claim.detailed, when its function says so (true)',
    'by content: type claim.forwarded (true)',
    'small claims: type claim.made (true)',
    'audit: type audit.** (false)',
  ]);
  await append('claim-1', { type: 'claim.made', data: { amount: 10 } });
  expect(app.get(Reviewers).reviewed).toEqual([{ amount: 10 }]);

  // #region dynamic
  await app.processors.remove('agent-log'); // It finishes what it has in hand, and stores how far it came.
  await app.processors.add(AgentLog); // It goes on there.
  // #endregion dynamic
  expect(app.processors.get('agent-log')?.status().state).toBe('running');

  // #region subscribe
  const subscription = await app.subscribe(
    { type: matching('claim.*'), stream: 'claim-*' },
    (claim, { event }) => console.log(event.stream, JSON.stringify(claim)),
  );
  // … until nobody looks any more:
  await subscription.close();
  // #endregion subscribe
  await subscription.done;
  await app.stop();
});
