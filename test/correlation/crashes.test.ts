import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import { pglite } from '@tidemark/adapters/pglite';
import { postgres } from '@tidemark/adapters/postgres';
import { memory, type Backend } from '@tidemark/core';
import { crashingBackend } from '../sagas/crashing-backend.js';
import { startEventStoreDb } from '../support/eventstoredb/start.js';
import { startPostgres } from '../support/postgres-server.js';
import { checkDerived } from './expected.js';
import { correlate, randomFrom, say } from './world.js';

// Processes that die at random writes, before or after they took effect, leave together what one that never died derives.

/** What is to be closed behind the backend. */
interface Opened {
  readonly backend: Backend;
  close(): Promise<void>;
}

const nothing = async (): Promise<void> => undefined;

const stores: readonly (readonly [string, () => Promise<Opened>])[] = [
  ['memory', async () => ({ backend: memory(), close: nothing })],
  ['PGlite', async () => ({ backend: pglite(), close: nothing })],
  [
    'PostgreSQL',
    async () => {
      const server = await startPostgres();
      const { connectionString } = server;
      return {
        backend: postgres({ connectionString, schema: server.schema() }),
        close: () => server.close(),
      };
    },
  ],
  ['EventStoreDB with state in memory', () => onEventStoreDb(memory())],
  ['EventStoreDB with state in PGlite', () => onEventStoreDb(pglite())],
];

const onEventStoreDb = async (state: Backend): Promise<Opened> => {
  const server = await startEventStoreDb();
  const { connectionString } = server;
  return { backend: eventStoreDb({ connectionString, state }), close: () => server.close() };
};

describe.each(stores)('correlations on %s whose process dies', (_, open) => {
  let opened: Opened = { backend: memory(), close: nothing };
  beforeAll(async () => {
    opened = await open();
    await opened.backend.open();
  }, 120_000);
  afterAll(async () => {
    await opened.backend.close();
    await opened.close();
  });

  it('at random writes derive what one derives that never dies, each event once', async () => {
    const seed = Date.now() % 2_147_483_647;
    const random = randomFrom(seed);
    const { backend: store } = opened;
    let deaths = 0;
    for (let round = 0; round < 8; round += 1) {
      const isLast = round === 7;
      const point = { write: 5 + random(60), moment: random(2) === 0 ? 'before' : 'after' } as const;
      const { backend, dead } = crashingBackend(store, isLast ? undefined : point);
      let isDead = false;
      const watch = async (): Promise<void> => {
        await dead;
        isDead = true;
        deaths += 1;
      };
      void watch();
      // Others go on appending, whatever becomes of this process.
      await correlate(
        backend,
        () => say(store, random, round * 1_000, 40),
        () => isDead,
      );
    }
    try {
      const counts = await checkDerived(store);
      expect(Math.min(...counts.values())).toBeGreaterThan(0);
      expect(deaths).toBeGreaterThan(3);
    } catch (error) {
      throw new Error(`with seed ${seed}`, { cause: error });
    }
  }, 300_000);
});
