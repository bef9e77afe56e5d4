import { afterEach, describe, expect, it } from '@jest/globals';
import type { Application } from '../app/application.js';
import { createApp, type AppOptions } from '../app/create-app.js';
import { memory } from '../backend/memory/memory.js';
import type { RecordedEvent } from '../messages/event.js';
import { decider } from '../model/decider.js';

const running: Application[] = [];

const start = async (options: Omit<AppOptions, 'backend'>): Promise<Application> => {
  const app = createApp({ backend: memory(), ...options });
  running.push(app);
  await app.start();
  return app;
};

afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.stop()));
});

describe('the state kept between commands', () => {
  it('is what the log gives back, not what the handler made', async () => {
    const kept: { state?: { at?: unknown } } = {};
    const dated = decider({
      name: 'dated',
      commands: ['note'],
      initialState: (): { at?: unknown } => ({}),
      decide(_command: { type: 'note'; data: object }, state) {
        kept.state = { ...state };
        return { type: 'noted' as const, data: { at: new Date(0), left: undefined } };
      },
      evolve: (_state, event: { type: 'noted'; data: { at: unknown } }) => event.data,
      target: () => '1',
    });
    for (const cachedAggregates of [0, 10]) {
      const app = await start({ register: [dated], cachedAggregates });
      await app.send({ type: 'note', data: {} });
      await app.send({ type: 'note', data: {} });
      expect(kept.state).toEqual({ at: '1970-01-01T00:00:00.000Z' });
      expect(Object.keys(kept.state ?? {})).toEqual(['at']);
    }
  });

  it('shares nothing with the events that the sender got', async () => {
    interface Tags {
      tags: string[];
    }
    const tagged = decider({
      name: 'tagged',
      commands: ['tag'],
      initialState: (): Tags => ({ tags: [] }),
      decide: (_command: { type: 'tag'; data: object }, state) => ({
        type: 'tagged' as const,
        data: { tags: [...state.tags, 'new'] },
      }),
      evolve: (_state, event: { type: 'tagged'; data: Tags }): Tags => {
        event.data.tags.push('seen by the state');
        return event.data;
      },
      target: () => '1',
    });
    const app = await start({ register: [tagged] });
    const { events } = await app.send({ type: 'tag', data: {} });
    expect(events[0]?.data).toEqual({ tags: ['new'] });
    (events.at(0) as RecordedEvent<string, Tags>).data.tags.push('changed by the sender');
    await expect(app.send({ type: 'tag', data: {} })).resolves.toMatchObject({
      events: [{ data: { tags: ['new', 'seen by the state', 'new'] } }],
    });
  });

  it('is given up, and the command still succeeds, when its new events cannot be applied', async () => {
    const broken = decider({
      name: 'broken',
      commands: ['break'],
      initialState: () => ({}),
      decide: (_command: { type: 'break'; data: object }) => ({ type: 'broke' as const, data: {} }),
      evolve(_state, _event: { type: 'broke'; data: object }): object {
        throw new Error('cannot apply');
      },
      target: () => '1',
    });
    const app = await start({ register: [broken] });
    await expect(app.send({ type: 'break', data: {} })).resolves.toMatchObject({ version: 0 });
    expect(app.health()).toMatchObject({
      status: 'degraded',
      reasons: ['Failed: applying events of aggregate "broken": cannot apply'],
    });
    await expect(app.send({ type: 'break', data: {} })).rejects.toThrow('cannot apply');
  });
});
