import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Application } from '../app/application.js';
import { createApp, type AppOptions } from '../app/create-app.js';
import type { Backend } from '../backend/backend.js';
import { memory } from '../backend/memory/memory.js';
import { ConcurrencyError } from '../log/errors.js';
import type { EventStore } from '../log/event-store.js';
import { newId } from '../messages/ids.js';
import { decider } from '../model/decider.js';

type Change = { type: 'change'; data: { id: string; by: number } };
type Changed = { type: 'changed'; data: { by: number; seen: number; tags: string[] } };

class TooLow extends Error {}

/** What the handler of the next command does besides; set by a test. */
let meanwhile: () => Promise<void> = async () => {};
let decisions: number;

interface CounterState {
  total: number;
  last: Changed['data'] | undefined;
}

const counter = decider({
  name: 'counter',
  commands: ['change'],
  initialState: (): CounterState => ({ total: 0, last: undefined }),
  async decide({ data }: Change, state, context): Promise<Changed[]> {
    decisions += 1;
    context.set('try', decisions);
    await meanwhile();
    if (state.total + data.by < 0) {
      // What a handler must not do, and what must not matter when it then fails.
      state.total = 1_000;
      throw new TooLow('below zero');
    }
    if (data.by === 0) return [];
    return [{ type: 'changed', data: { by: data.by, seen: state.total, tags: [] } }];
  },
  evolve(state, { data }: Changed) {
    state.total += data.by;
    state.last = data;
    return state;
  },
  target: ({ data }) => data.id,
});

const change = (by: number): Change => ({ type: 'change', data: { id: '1', by } });
const stream = 'counter-1';

let backend: Backend;
let running: Application[];

const start = async (options: Partial<AppOptions> = {}): Promise<Application> => {
  const app = createApp({ backend, register: [counter], ...options });
  running.push(app);
  await app.start();
  return app;
};

/** The backend with some of its event store's methods put in front. */
const withEvents = (events: Partial<EventStore>): Backend => {
  const under = (target: object, overrides: object) =>
    new Proxy(target, {
      get(_target, property) {
        const owner = property in overrides ? overrides : target;
        const value: unknown = Reflect.get(owner, property);
        return typeof value === 'function' ? value.bind(owner) : value;
      },
    });
  return under(backend, { events: under(backend.events, events) }) as Backend;
};

beforeEach(async () => {
  backend = memory();
  running = [];
  decisions = 0;
  meanwhile = async () => {};
});

afterEach(async () => {
  await Promise.all(running.map((app) => app.stop()));
});

describe('conflicts', () => {
  it('are retried on the state reloaded, and what was set in the context of the lost try is forgotten', async () => {
    const app = await start();
    await app.send(change(1));
    let others = 2;
    meanwhile = async () => {
      if (others-- > 0)
        await backend.events.append(stream, [{ type: 'changed', data: { by: 10, seen: 0, tags: [] } }]);
    };
    decisions = 0;
    const result = await app.send(change(2));
    expect(decisions).toBe(3);
    expect(result).toMatchObject({
      version: 3,
      events: [{ data: { by: 2, seen: 21 }, metadata: { try: 3 } }],
    });
  });

  it('end in the typed error after the attempts allowed', async () => {
    const app = await start({ commandAttempts: 3 });
    meanwhile = async () => {
      await backend.events.append(stream, [{ type: 'changed', data: { by: 1, seen: 0, tags: [] } }]);
    };
    const error: unknown = await app.send(change(5)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConcurrencyError);
    expect(error).toMatchObject({ stream, expected: 1, actual: 2 });
    expect(decisions).toBe(3);
    meanwhile = async () => {};
    await expect(app.send(change(5))).resolves.toMatchObject({ version: 3, events: [{ data: { seen: 3 } }] });
  });

  it('are not retried once the sender has given up', async () => {
    const app = await start();
    const abort = new AbortController();
    meanwhile = async () => {
      await backend.events.append(stream, [{ type: 'changed', data: { by: 1, seen: 0, tags: [] } }]);
      abort.abort(new Error('too late'));
    };
    await expect(app.send(change(5), { signal: abort.signal })).rejects.toThrow('too late');
    expect(decisions).toBe(1);
  });

  it('with an unchanged stream make the state anew instead of going round', async () => {
    let refusals = 2;
    const app = await start({
      backend: withEvents({
        append: async (name, events, options) => {
          if (refusals-- > 0) throw new ConcurrencyError(name, options?.expectedVersion ?? 'any', undefined);
          return backend.events.append(name, events, options);
        },
      }),
    });
    await expect(app.send(change(5))).resolves.toMatchObject({ version: 0 });
    expect(decisions).toBe(3);
  });

  it('do not arise within one process: commands for one aggregate take turns', async () => {
    const app = await start();
    const results = await Promise.all([1, 2, 3, 4].map((by) => app.send(change(by))));
    expect(results.map(({ version }) => version)).toEqual([0, 1, 2, 3]);
    expect(decisions).toBe(4);
  });
});

describe('the cached state', () => {
  it('spares reading the stream again', async () => {
    const reads: unknown[] = [];
    const app = await start({
      backend: withEvents({
        readStream: (name, options) => {
          reads.push(options?.from ?? 'all');
          return backend.events.readStream(name, options);
        },
      }),
    });
    for (const by of [1, 2, 3]) await app.send(change(by));
    const loads = reads.filter((from) => from === 'all');
    expect(loads).toHaveLength(1);
  });

  it('is not believed when it says no: a refusal is decided again on what is in the store', async () => {
    const app = await start();
    await app.send(change(1));
    await backend.events.append(stream, [{ type: 'changed', data: { by: 10, seen: 0, tags: [] } }]);
    await expect(app.send(change(-5))).resolves.toMatchObject({
      version: 2,
      events: [{ data: { seen: 11 } }],
    });
  });

  it('is not believed when it has nothing to say', async () => {
    const app = await start();
    await app.send(change(1));
    await expect(app.send(change(0))).resolves.toEqual({
      commandId: expect.any(String),
      stream,
      version: 0,
      events: [],
      alreadyHandled: false,
    });
    decisions = 0;
    await backend.events.append(stream, [{ type: 'changed', data: { by: 10, seen: 0, tags: [] } }]);
    await expect(app.send(change(0))).resolves.toMatchObject({ version: 1, events: [] });
    expect(decisions).toBe(2);
  });

  it('is never what a failed handler left behind', async () => {
    const app = await start();
    await app.send(change(1));
    await expect(app.send(change(-5))).rejects.toThrow(TooLow);
    await expect(app.send(change(-5))).rejects.toThrow(TooLow);
    await expect(app.send(change(1))).resolves.toMatchObject({ events: [{ data: { seen: 1 } }] });
  });

  it('does not outlive its stream: deleted, and begun anew by another', async () => {
    const app = await start();
    await app.send(change(7));
    await backend.events.deleteStream(stream);
    await expect(app.send(change(0))).resolves.toMatchObject({ version: undefined });
    await expect(app.send(change(1))).resolves.toMatchObject({ version: 1, events: [{ data: { seen: 0 } }] });

    await backend.events.deleteStream(stream);
    const changed = { type: 'changed', data: { by: 3, seen: 0, tags: [] } };
    await backend.events.append(stream, [changed, changed]);
    await expect(app.send(change(1))).resolves.toMatchObject({ version: 4, events: [{ data: { seen: 6 } }] });
  });
});

describe('a command sent again with its id', () => {
  it('is answered as the first time and appends nothing', async () => {
    const app = await start();
    const id = newId();
    const first = await app.send(change(5), { id });
    await app.send(change(1));
    const again = await app.send(change(5), { id });
    expect(again).toEqual({ ...first, alreadyHandled: true });
    await expect(backend.events.streamVersion(stream)).resolves.toBe(1);
    expect(decisions).toBe(2);
  });

  it('is recognised after a restart, in another application, and without a cache', async () => {
    const first = await start();
    const id = newId();
    const answer = await first.send(change(5), { id });
    await first.send(change(1));
    await first.stop();
    for (const cachedAggregates of [0, 10]) {
      const app = await start({ cachedAggregates });
      await expect(app.send(change(5), { id })).resolves.toEqual({ ...answer, alreadyHandled: true });
      await app.stop();
    }
  });

  it('is recognised however long ago it was', async () => {
    const app = await start();
    const id = newId();
    const first = await app.send(change(5), { id });
    for (let count = 0; count < 300; count += 1) await app.send(change(1), { id: newId() });
    await expect(app.send(change(5), { id })).resolves.toEqual({ ...first, alreadyHandled: true });
  });

  it('is recognised when another application was faster by a moment', async () => {
    const app = await start();
    const other = await start();
    const id = newId();
    await app.send(change(1));
    let first: unknown;
    meanwhile = async () => {
      meanwhile = async () => {};
      first = await other.send(change(5), { id });
    };
    const second = await app.send(change(5), { id });
    expect(second.alreadyHandled).toBe(true);
    expect(second).toEqual({ ...(first as object), alreadyHandled: true });
    await expect(backend.events.streamVersion(stream)).resolves.toBe(1);
    await expect(app.send(change(1))).resolves.toMatchObject({ version: 2, events: [{ data: { seen: 6 } }] });
  });

  it('is recognised when the other was faster, and others have written since', async () => {
    const app = await start();
    const other = await start();
    const id = newId();
    await app.send(change(1));
    meanwhile = async () => {
      meanwhile = async () => {};
      await other.send(change(5), { id });
      await other.send(change(7));
    };
    await expect(app.send(change(5), { id })).resolves.toMatchObject({ version: 1, alreadyHandled: true });
    await expect(backend.events.streamVersion(stream)).resolves.toBe(2);
  });

  it('is recognised after its stream was deleted', async () => {
    const app = await start();
    const id = newId();
    const first = await app.send(change(5), { id });
    await backend.events.deleteStream(stream);
    await expect(app.send(change(5), { id })).resolves.toEqual({ ...first, alreadyHandled: true });
    const other = await start();
    await expect(other.send(change(5), { id })).resolves.toEqual({ ...first, alreadyHandled: true });
  });

  it('is recognised after its stream was deleted, by who never saw it, wherever in the stream it was', async () => {
    const app = await start();
    const id = newId();
    await app.send(change(1));
    const first = await app.send(change(5), { id });
    await backend.events.deleteStream(stream);
    const other = await start();
    await expect(other.send(change(5), { id })).resolves.toEqual({ ...first, alreadyHandled: true });
  });

  it('is decided anew if it appended nothing', async () => {
    const app = await start();
    const id = newId();
    await expect(app.send(change(-1), { id })).rejects.toThrow(TooLow);
    await app.send(change(1));
    await expect(app.send(change(-1), { id })).resolves.toMatchObject({ version: 1, alreadyHandled: false });
  });
});

describe('a store that hands out what it recorded', () => {
  it('is not asked to read it again', async () => {
    let reads = 0;
    const app = await start({
      backend: withEvents({
        async append(name, events, options) {
          const result = await backend.events.append(name, events, options);
          const stored: unknown[] = [];
          for await (const batch of backend.events.readStream(name, { from: result.version }))
            stored.push(...batch);
          return { ...result, recorded: () => structuredClone(stored) as never };
        },
        readStream: (name, options) => {
          reads += 1;
          return backend.events.readStream(name, options);
        },
      }),
    });
    await app.send(change(1));
    await expect(app.send(change(2))).resolves.toMatchObject({ events: [{ data: { seen: 1 } }] });
    expect(reads).toBe(1);
  });
});
