import { afterEach, expect, it } from '@jest/globals';
import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import { createApp, memory, type Application, type Backend, type ProcessorDefinition } from '@tidemark/core';
import { startTestEventStoreDb, type SteerableEventStoreDb } from '../support/eventstoredb/start.js';
import { until } from '../support/until.js';

/* A process that stands still for longer than its leases last, and has events delivered before any timer tells it that time has gone. */

const leaseMs = 300;
/** Events in an append. */
const each = 5;

let server: SteerableEventStoreDb;
let app: Application;
let writer: Backend;
afterEach(async () => {
  await app.stop();
  await writer.close();
  await server.close();
});

/** Nothing of this process goes on meanwhile: as on a machine that sleeps. */
const standStill = (milliseconds: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
};

it('handles what it left to whoever would have its leases, when nobody has taken them', async () => {
  server = await startTestEventStoreDb();
  const { connectionString } = server;
  writer = eventStoreDb({ connectionString, state: memory() });
  await writer.open();
  const handled: number[] = [];
  const noter: ProcessorDefinition = {
    kind: 'processor',
    name: 'noter',
    definedAt: 'standing-still.test.ts',
    messages: [],
    delivery: {
      mode: 'each',
      handle: ({ data }) => {
        const { n } = data as { readonly n: number };
        // The others of the append stand behind it, and are begun before any timer can tell.
        if (n % each === 0 && !handled.includes(n)) standStill(leaseMs * 1.5);
        handled.push(n);
      },
    },
  };
  app = createApp({
    backend: eventStoreDb({ connectionString, state: memory() }),
    leaseMs,
    register: [noter],
  });
  await app.start();
  expect(app.processors.get('noter')?.status().segments).toHaveLength(16);
  const rounds = 8;
  for (let n = 0; n < rounds * each; n += each) {
    await writer.events.append(
      's',
      Array.from({ length: each }, (_, index) => ({ type: 'noted', data: { n: n + index } })),
    );
    await until(() => handled.includes(n + each - 1));
  }
  // At least once, and in order but for what is done again.
  expect([...new Set(handled)]).toEqual(Array.from({ length: rounds * each }, (_, n) => n));
}, 120_000);
