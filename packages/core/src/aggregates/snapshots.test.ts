import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Application } from '../app/application.js';
import { createApp, type AppOptions } from '../app/create-app.js';
import type { Backend } from '../backend/backend.js';
import { memory } from '../backend/memory/memory.js';
import type { SnapshotStore } from '../backend/snapshots.js';
import { newId } from '../messages/ids.js';
import type { SnapshotPolicy } from '../model/aggregate-definition.js';
import { decider } from '../model/decider.js';

type Add = { type: 'add'; data: { count: number } };
type Added = { type: 'added'; data: { seen: number } };
interface State {
  total: number;
}

let folded: number;

/** Appends `count` events at once, each noting the total that the decision saw. */
const adder = (snapshots?: SnapshotPolicy<State>) =>
  decider({
    name: 'adder',
    commands: ['add'],
    initialState: (): State => ({ total: 0 }),
    decide: ({ data }: Add, state): Added[] =>
      Array.from({ length: data.count }, () => ({ type: 'added', data: { seen: state.total } })),
    evolve(state, _event: Added) {
      folded += 1;
      return { total: state.total + 1 };
    },
    target: () => '1',
    snapshots,
  });

const add = (count: number): Add => ({ type: 'add', data: { count } });
const stream = 'adder-1';

let backend: Backend;
let running: Application[];

const start = async (snapshots?: SnapshotPolicy<State>, options: Partial<AppOptions> = {}) => {
  const app = createApp({ backend, register: [adder(snapshots)], cachedAggregates: 0, ...options });
  running.push(app);
  await app.start();
  folded = 0;
  return app;
};

const withSnapshots = (overrides: Partial<SnapshotStore>): Backend => {
  const { snapshots } = backend;
  return new Proxy(backend, {
    get(target, property) {
      if (property !== 'snapshots') {
        const value: unknown = Reflect.get(target, property);
        return typeof value === 'function' ? value.bind(target) : value;
      }
      return {
        load: snapshots.load.bind(snapshots),
        save: snapshots.save.bind(snapshots),
        delete: snapshots.delete.bind(snapshots),
        ...overrides,
      };
    },
  });
};

beforeEach(() => {
  backend = memory();
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map((app) => app.stop()));
});

describe('snapshots', () => {
  it('pitfall 11: are taken by distance since the last one, so commands with several events do not step over them', async () => {
    const app = await start({ every: 4 });
    const taken: (number | undefined)[] = [];
    // Versions after each: 2, 5, 8, 11: none but the third is a multiple of the distance.
    for (let count = 0; count < 4; count += 1) {
      await app.send(add(3));
      taken.push((await backend.snapshots.load(stream))?.version);
    }
    expect(taken).toEqual([undefined, 5, 5, 11]);
  });

  it('spare folding what they cover, and lead to the same decisions', async () => {
    const app = await start({ every: 10 });
    await app.send(add(10));
    folded = 0;
    await expect(app.send(add(1))).resolves.toMatchObject({ version: 10, events: [{ data: { seen: 10 } }] });
    expect(folded).toBe(1);
    await expect(app.load(adder(), '1')).rejects.toThrow('not registered');
  });

  it('are gone on from through any number of batches', async () => {
    const app = await start({ every: 5_000 });
    await backend.snapshots.save({ stream, version: 0, schemaVersion: 1, state: { total: 1 } });
    await app.send(add(1_200));
    folded = 0;
    await expect(app.send(add(1))).resolves.toMatchObject({ events: [{ data: { seen: 1_200 } }] });
    expect(folded).toBe(1_200);
  });

  it('are taken with a cache too', async () => {
    const app = await start({ every: 2 }, { cachedAggregates: 5 });
    for (let count = 0; count < 5; count += 1) await app.send(add(1));
    await expect(backend.snapshots.load(stream)).resolves.toEqual({
      stream,
      version: 3,
      schemaVersion: 1,
      state: { total: 4 },
    });
  });

  it('of another schema version are ignored, and replaced when the next is due', async () => {
    const old = await start({ every: 2 });
    await old.send(add(2));
    const app = await start({ every: 2, schemaVersion: 2 });
    await expect(app.send(add(1))).resolves.toMatchObject({ events: [{ data: { seen: 2 } }] });
    expect(folded).toBe(3);
    await expect(backend.snapshots.load(stream)).resolves.toMatchObject({ version: 2, schemaVersion: 2 });
  });

  it('are saved and restored as the policy says', async () => {
    const policy: SnapshotPolicy<State> = {
      every: 2,
      save: ({ total }) => `total ${total}`,
      restore: (saved) => ({ total: Number(String(saved).split(' ')[1]) }),
    };
    const app = await start(policy);
    await app.send(add(2));
    await expect(backend.snapshots.load(stream)).resolves.toMatchObject({ state: 'total 2' });
    await expect(app.send(add(1))).resolves.toMatchObject({ events: [{ data: { seen: 2 } }] });
  });

  it('keep the class of a state that has one, without running its constructor on the saved fields', async () => {
    class Total {
      value = 0;
      #secret = 7;
      get doubled(): number {
        return this.value * 2 + this.#secret;
      }
    }
    const classy = decider({
      name: 'classy',
      commands: ['add'],
      initialState: () => new Total(),
      decide: (_command: Add, state) => ({ type: 'added' as const, data: { seen: state.doubled } }),
      evolve(state, _event: Added) {
        state.value += 1;
        return state;
      },
      target: () => '1',
      snapshots: { every: 1 },
    });
    const app = await start(undefined, { register: [classy] });
    for (const seen of [7, 9, 11]) {
      await expect(app.send(add(1))).resolves.toMatchObject({ events: [{ data: { seen } }] });
    }
    await expect(backend.snapshots.load('classy-1')).resolves.toMatchObject({ state: { value: 3 } });
    const { state, version } = await app.load(classy, '1');
    expect(state).toBeInstanceOf(Total);
    expect([state.value, version]).toEqual([3, 2]);
  });

  it('do not survive their stream: one that was deleted is as new', async () => {
    const app = await start({ every: 1 });
    await app.send(add(2));
    await backend.events.deleteStream(stream);
    await expect(app.send(add(1))).resolves.toMatchObject({ version: 2, events: [{ data: { seen: 0 } }] });
    await backend.events.deleteStream(stream);
    const state = { total: 100 };
    await backend.snapshots.save({ stream, version: 2, schemaVersion: 1, state });
    await backend.events.append(stream, [{ type: 'added', data: { seen: 0 } }]);
    await expect(app.send(add(1))).resolves.toMatchObject({ version: 4, events: [{ data: { seen: 1 } }] });
  });

  it('do not hide that a command was handled before', async () => {
    const app = await start({ every: 1 });
    const id = newId();
    const first = await app.send(add(2), { id });
    await app.send(add(5));
    await expect(app.send(add(2), { id })).resolves.toEqual({ ...first, alreadyHandled: true });
    await app.stop();
    const again = await start({ every: 1 });
    await expect(again.send(add(2), { id })).resolves.toEqual({ ...first, alreadyHandled: true });
  });

  it('that cannot be saved fail no command: health tells, until it works again', async () => {
    let failing = true;
    const told: unknown[] = [];
    const app = await start(
      { every: 1 },
      {
        backend: withSnapshots({
          save: async (snapshot) => {
            if (failing) throw new Error('disk full');
            await backend.snapshots.save(snapshot);
          },
        }),
        onProblem: ({ source }) => told.push(source),
      },
    );
    await expect(app.send(add(1))).resolves.toMatchObject({ version: 0 });
    expect(app.health()).toMatchObject({
      status: 'degraded',
      reasons: ['Failed: saving snapshots of aggregate "adder": disk full'],
    });
    expect(told).toEqual(['saving snapshots of aggregate "adder"']);
    failing = false;
    await app.send(add(1));
    expect(app.health()).toMatchObject({ status: 'up', reasons: [] });
    await expect(backend.snapshots.load(stream)).resolves.toMatchObject({ version: 1 });
  });

  it('that cannot be made fail no command either', async () => {
    const app = await start({
      every: 1,
      save: () => {
        throw new Error('no JSON');
      },
    });
    await expect(app.send(add(1))).resolves.toMatchObject({ version: 0 });
    expect(app.health().reasons).toEqual(['Failed: saving snapshots of aggregate "adder": no JSON']);
  });

  it('that cannot be loaded or restored are done without', async () => {
    await (await start({ every: 1 })).send(add(3));
    const unreadable = await start(
      { every: 9 },
      {
        backend: withSnapshots({ load: () => Promise.reject(new Error('garbled')) }),
      },
    );
    await expect(unreadable.send(add(1))).resolves.toMatchObject({ events: [{ data: { seen: 3 } }] });
    expect(unreadable.health().reasons).toEqual(['Failed: loading snapshots of aggregate "adder": garbled']);

    const incompatible = await start({
      every: 9,
      restore: () => {
        throw new Error('what is this?');
      },
    });
    await expect(incompatible.send(add(1))).resolves.toMatchObject({ events: [{ data: { seen: 4 } }] });
    expect(incompatible.health().reasons).toEqual([
      'Failed: restoring snapshots of aggregate "adder": what is this?',
    ]);
  });

  it('must come at a distance that is a whole number', () => {
    for (const every of [0, 1.5, Number.NaN]) {
      expect(() => createApp({ backend, register: [adder({ every })] })).toThrow(
        `takes snapshots every ${every} events: it must be an integer from 1.`,
      );
    }
  });
});
