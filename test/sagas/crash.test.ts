import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { createApp, deterministicId, memory, type Application, type Backend } from '@tidemark/core';
import { manualClock, type ManualClock } from '@tidemark/core/testing';
import { Sagas, type SagaView } from '@tidemark/sagas';
import { crashingBackend, type CrashPoint } from './crashing-backend.js';
import { CollectParcel, orderFulfilment, PlaceOrder } from './order-fulfilment.js';

// A process that dies at any write, and another one that goes on from what is stored, must end like one that never died:
// the same events of the aggregates, each once, and the same decisions of the saga.

const orders = ['o-1', 'broke-1', 'o-2', 'o-3'];
const idOf = (name: string): string => deterministicId('018f0000-0000-7000-8000-000000000000', name);

/** What the world outside does, over and over until it worked: every command has an id, every decision is made once. */
const world = async (app: Application, finished: Set<string>): Promise<void> => {
  const send = (name: string, command: object) => app.send(command, { id: idOf(name) });
  await send('place o-1', new PlaceOrder('o-1', ['vase', 'lamp'], 500));
  await send('place broke-1', new PlaceOrder('broke-1', ['vase'], 5));
  await send('place o-2', new PlaceOrder('o-2', ['vase', 'lead', 'lamp'], 5));
  await send('place o-3', new PlaceOrder('o-3', ['vase'], 500));
  const sagas = app.get(Sagas);
  for (const key of orders) {
    const view = await sagas.get('fulfilment', key);
    if (view?.status === 'completed' || view?.status === 'compensated') finished.add(key);
    else if (view?.approvals.length === 1 && key === 'o-1') {
      await sagas.approve('fulfilment', key, 'release', { by: 'ann' });
    } else if (view?.approvals.length === 1) await sagas.reject('fulfilment', key, 'release', { by: 'ann' });
    else if (view?.steps.some(({ step, status }) => step === 'call' && status === 'completed'))
      await send('collect o-1', new CollectParcel('o-1'));
  }
};

/** One process: until everything has ended, or it dies. */
const process = async (
  backend: Backend,
  clock: ManualClock,
  dead: () => boolean,
): Promise<'done' | 'died'> => {
  const app = createApp({ backend, clock, register: orderFulfilment, drainMs: 0 });
  const finished = new Set<string>();
  try {
    await app.start();
    for (let tick = 0; tick < 600 && !dead() && finished.size < orders.length; tick++) {
      await world(app, finished);
      await clock.advance(100);
    }
    if (dead()) return 'died';
    if (finished.size < orders.length) throw new Error(`Stuck: ${JSON.stringify(app.health())}`);
    return 'done';
  } catch (error) {
    if (dead()) return 'died';
    throw error;
  } finally {
    const stopped = app.stop().catch(() => {});
    while ((await Promise.race([stopped.then(() => 'stopped'), setImmediate('waiting')])) === 'waiting') {
      await clock.advance(100);
    }
  }
};

interface Outcome {
  /** Types and data of the aggregates' events, by order. */
  readonly effects: unknown;
  /** Ids of the aggregates' events: they come from the ids of the commands. */
  readonly ids: readonly string[];
  readonly views: readonly unknown[];
}

const outcomeOf = async (backend: Backend): Promise<Outcome> => {
  const effects: string[] = [];
  const ids: string[] = [];
  for (const key of orders) {
    for await (const batch of backend.events.readStream(`order-${key}`)) {
      for (const { id, type, data } of batch) {
        effects.push(JSON.stringify([key, type, data]));
        ids.push(id);
      }
    }
  }
  const app = createApp({ backend, register: orderFulfilment });
  const views = await Promise.all(orders.map((key) => app.get(Sagas).get('fulfilment', key)));
  return { effects: effects.toSorted(inOrder), ids: ids.toSorted(inOrder), views: views.map(comparable) };
};

const inOrder = (a: string, b: string): number => (a < b ? -1 : 1);

/** How an instance ended. Steps side by side may end in any order; how often a timer fired depends on the time lost. */
const comparable = (view: SagaView | undefined): unknown => ({
  key: view?.key,
  status: view?.status,
  reason: view?.reason,
  steps: view?.steps,
});

const run = async (point: CrashPoint | undefined) => {
  const clock = manualClock();
  const store = memory({ clock });
  await store.open();
  const { backend, dead, writes } = crashingBackend(store, point);
  let isDead = false;
  const watch = async (): Promise<void> => {
    await dead;
    isDead = true;
  };
  void watch();
  const first = await process(backend, clock, () => isDead);
  if (first === 'died') {
    // What the dead process had asked for is over before the next one begins.
    await clock.advance(1_000);
    await process(crashingBackend(store, undefined).backend, clock, () => false);
  }
  return { first, writes: writes(), outcome: await outcomeOf(store) };
};

describe('a saga whose process dies', () => {
  it('at any write, before or after it, ends as if nothing had happened, every command effective once', async () => {
    const undisturbed = await run(undefined);
    expect(undisturbed.first).toBe('done');
    expect(undisturbed.outcome.views).toMatchObject([
      { status: 'completed' },
      { status: 'compensated' },
      { status: 'compensated' },
      { status: 'compensated' },
    ]);
    expect(undisturbed.writes).toBeGreaterThan(50);
    for (let write = 1; write <= undisturbed.writes; write++) {
      for (const moment of ['before', 'after'] as const) {
        const { outcome } = await run({ write, moment });
        expect({ write, moment, ...outcome }).toEqual({ write, moment, ...undisturbed.outcome });
      }
    }
  }, 300_000);
});
