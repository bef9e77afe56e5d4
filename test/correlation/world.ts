import { setTimeout as wait } from 'node:timers/promises';
import { Correlations, createApp, type Application, type Backend } from '@tidemark/core';
import { correlations, types } from './definitions.js';

/** Random numbers whose seed tells the whole run: Park and Miller's generator. */
export const randomFrom = (seed: number): ((below: number) => number) => {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
};

/** Appends events of some keys, some of them a little after they happened, some in one append. */
export const say = async (
  backend: Backend,
  random: (below: number) => number,
  first: number,
  events: number,
) => {
  for (let n = first; n < first + events; ) {
    const size = 1 + random(4);
    const batch = Array.from({ length: size }, (_, index) => ({
      type: types[random(10) < 6 ? 0 : 1 + random(2)] ?? 'said',
      data: { key: `k${random(5)}`, n: n + index, time: Date.now() - random(250) },
    }));
    await backend.events.append(`saying-${random(3)}`, batch);
    n += size;
    if (random(3) === 0) await wait(random(40));
  }
};

/** So long may it take until nothing is open any more, in milliseconds: hundreds of times as long as it does. */
const patienceMs = 60_000;

/** One process: correlates until nothing is open any more, or until it is dead. */
export const correlate = async (
  backend: Backend,
  work: () => Promise<void>,
  isDead: () => boolean,
): Promise<void> => {
  const app = createApp({ backend, register: correlations, drainMs: 0 });
  const live = async (): Promise<void> => {
    await app.start();
    await work();
    const until = performance.now() + patienceMs;
    while (!isDead() && !(await isDone(app.get(Correlations), backend))) {
      if (performance.now() > until) throw new Error(`Not done yet: ${await describe(app, backend)}`);
      await wait(20);
    }
  };
  for (const step of [live, () => app.stop()]) {
    try {
      await step();
    } catch (error) {
      // What a dead process says at its end is of no interest.
      if (!isDead()) throw error;
    }
  }
};

/** How far everything is, for the message of a test that failed. */
const describe = async (app: Application, backend: Backend): Promise<string> => {
  const service = app.get(Correlations);
  const statuses = await Promise.all(service.names.map((name) => service.status(name)));
  const processors = [...app.processors.values()].map((processor) => processor.status());
  const known = { head: await backend.events.head(), correlations: statuses, processors };
  return JSON.stringify(known, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
};

const isDone = async (service: Correlations, backend: Backend): Promise<boolean> => {
  const head = await backend.events.head();
  for (const name of service.names) {
    const checkpoint = await backend.checkpoints.load(`correlation:${name}`);
    const { openKeys } = await service.status(name);
    if (openKeys > 0 || (checkpoint?.position ?? 0n) < head) return false;
  }
  return true;
};
