import { setImmediate, setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pglite } from '@tidemark/adapters/pglite';
import {
  createApp,
  deterministicId,
  memory,
  systemClock,
  type Application,
  type Backend,
  type Clock,
} from '@tidemark/core';
import { manualClock } from '@tidemark/core/testing';
import { Sagas, type SagaView } from '@tidemark/sagas';
import { crashingBackend, type CrashPoint } from './crashing-backend.js';
import { CollectParcel, orderFulfilment, PlaceOrder } from './order-fulfilment.js';

// A process that dies at any write, and another one that goes on from what is stored, must end like one that never died:
// the same events of the aggregates, each once, and the same decisions of the saga.

/** A store with a time of its own, and the orders of one run in it. */
interface Setting {
  readonly store: Backend;
  readonly clock: Clock;
  /** Lets a little time pass, and what can go on go on. */
  pass(): Promise<void>;
  /** Tells the orders of this run from those of others in the same store. */
  readonly run: string;
}

const names = ['o-1', 'broke-1', 'o-2', 'o-3'];
const orderId = (name: string, { run }: Setting): string => `${name}${run}`;
const idOf = (name: string): string => deterministicId('018f0000-0000-7000-8000-000000000000', name);

/** What the world outside does, over and over until it worked: every command has an id, every decision is made once. */
const world = async (app: Application, setting: Setting, finished: Set<string>): Promise<void> => {
  const place = async (name: string, goods: readonly string[], price: number): Promise<void> => {
    const id = orderId(name, setting);
    await app.send(new PlaceOrder(id, goods, price), { id: idOf(`place ${id}`) });
  };
  await place('o-1', ['vase', 'lamp'], 500);
  await place('broke-1', ['vase'], 5);
  await place('o-2', ['vase', 'lead', 'lamp'], 5);
  await place('o-3', ['vase'], 500);
  const sagas = app.get(Sagas);
  for (const name of names) {
    const key = orderId(name, setting);
    const view = await sagas.get('fulfilment', key);
    if (view?.status === 'completed' || view?.status === 'compensated') finished.add(key);
    else if (view?.approvals.length === 1 && name === 'o-1') {
      await sagas.approve('fulfilment', key, 'release', { by: 'ann' });
    } else if (view?.approvals.length === 1) {
      await sagas.reject('fulfilment', key, 'release', { by: 'ann' });
    } else if (view?.steps.some(({ step, status }) => step === 'call' && status === 'completed')) {
      await app.send(new CollectParcel(key), { id: idOf(`collect ${key}`) });
    }
  }
};

/** One process: until everything has ended, or it dies. */
const live = async (backend: Backend, setting: Setting, dead: () => boolean): Promise<'done' | 'died'> => {
  const app = createApp({ backend, clock: setting.clock, register: orderFulfilment, drainMs: 0 });
  const finished = new Set<string>();
  try {
    await app.start();
    for (let tick = 0; tick < 600 && !dead() && finished.size < names.length; tick++) {
      await world(app, setting, finished);
      await setting.pass();
    }
    if (dead()) return 'died';
    if (finished.size < names.length) throw new Error(`Stuck: ${JSON.stringify(app.health())}`);
    return 'done';
  } catch (error) {
    if (dead()) return 'died';
    throw error;
  } finally {
    const stopping = stopQuietly(app);
    while ((await Promise.race([stopping, setImmediate('stopping')])) === 'stopping') await setting.pass();
  }
};

/** What a dead process says at its end is of no interest. */
const stopQuietly = async (app: Application): Promise<'stopped'> => {
  try {
    await app.stop();
  } catch {
    // As said.
  }
  return 'stopped';
};

interface Outcome {
  /** The aggregates' events, by order. */
  readonly effects: readonly string[];
  /** Ids of these events: they come from the ids of the commands. */
  readonly ids: readonly string[];
  readonly views: readonly unknown[];
}

const outcomeOf = async (setting: Setting): Promise<Outcome> => {
  const effects: string[] = [];
  const ids: string[] = [];
  const app = createApp({ backend: setting.store, register: orderFulfilment });
  const views: unknown[] = [];
  for (const name of names) {
    const key = orderId(name, setting);
    for await (const batch of setting.store.events.readStream(`order-${key}`)) {
      for (const { id, type, data } of batch) {
        effects.push(JSON.stringify([name, type, { ...Object(data), orderId: name }]));
        ids.push(id);
      }
    }
    views.push(comparable(name, await app.get(Sagas).get('fulfilment', key)));
  }
  return { effects: effects.toSorted(inOrder), ids: ids.toSorted(inOrder), views };
};

const inOrder = (a: string, b: string): number => (a < b ? -1 : 1);

/** How an instance ended. How often a timer fired depends on the time lost. */
const comparable = (name: string, view: SagaView | undefined): unknown => ({
  name,
  status: view?.status,
  reason: view?.reason,
  steps: view?.steps,
});

const run = async (setting: Setting, point: CrashPoint | undefined) => {
  const { backend, dead, writes } = crashingBackend(setting.store, point);
  let isDead = false;
  const watch = async (): Promise<void> => {
    await dead;
    isDead = true;
  };
  void watch();
  const end = await live(backend, setting, () => isDead);
  if (end === 'died') {
    // What the dead process had asked for is over before the next one begins.
    await setting.pass();
    await live(crashingBackend(setting.store, undefined).backend, setting, () => false);
  }
  return { end, writes: writes(), outcome: await outcomeOf(setting) };
};

const inMemory = async (): Promise<Setting> => {
  const clock = manualClock();
  const store = memory({ clock });
  await store.open();
  return { store, clock, pass: () => clock.advance(100), run: '' };
};

const allEnded = [
  { name: 'o-1', status: 'completed' },
  { name: 'broke-1', status: 'compensated' },
  { name: 'o-2', status: 'compensated' },
  { name: 'o-3', status: 'compensated' },
];

describe('a saga whose process dies', () => {
  it('at any write, before or after it, ends as if nothing had happened, every command effective once', async () => {
    const undisturbed = await run(await inMemory(), undefined);
    expect(undisturbed.end).toBe('done');
    expect(undisturbed.outcome.views).toMatchObject(allEnded);
    expect(undisturbed.writes).toBeGreaterThan(50);
    let deaths = 0;
    for (let write = 1; write <= undisturbed.writes; write++) {
      for (const moment of ['before', 'after'] as const) {
        const { end, outcome } = await run(await inMemory(), { write, moment });
        expect({ write, moment, ...outcome }).toEqual({ write, moment, ...undisturbed.outcome });
        if (end === 'died') deaths += 1;
      }
    }
    // The last few writes come when all orders have ended already.
    expect(deaths).toBeGreaterThan(undisturbed.writes * 2 * 0.9);
  }, 300_000);
});

describe('a saga on PGlite whose process dies', () => {
  let store: Backend;

  beforeAll(async () => {
    store = pglite();
    await store.open();
  }, 300_000);
  afterAll(() => store.close());

  const setting = (name: string): Setting => ({
    store,
    clock: systemClock,
    pass: () => setTimeout(20),
    run: name,
  });

  it('at random writes, ends as if nothing had happened, every command effective once', async () => {
    const undisturbed = await run(setting('-calm'), undefined);
    expect(undisturbed.end).toBe('done');
    expect(undisturbed.outcome.views).toMatchObject(allEnded);
    const seed = Date.now() % 2_147_483_647;
    let random = seed;
    for (let round = 1; round <= 8; round++) {
      // Park and Miller's generator: what matters is only that the seed tells the whole run.
      random = (random * 48_271) % 2_147_483_647;
      const point = { write: 1 + (random % 60), moment: round % 2 === 0 ? 'before' : 'after' } as const;
      const { end, outcome } = await run(setting(`-${round}`), point);
      const { effects, views } = undisturbed.outcome;
      expect({ seed, point, end, effects: outcome.effects, views: outcome.views }).toEqual({
        seed,
        point,
        end: 'died',
        effects,
        views,
      });
    }
  }, 120_000);
});
