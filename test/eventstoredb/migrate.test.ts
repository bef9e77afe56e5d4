import { afterEach, describe, expect, it } from '@jest/globals';
import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import { pglite } from '@tidemark/adapters/pglite';
import {
  digestLog,
  memory,
  migrate,
  MigrationVerificationError,
  originOf,
  type Backend,
  type NewEvent,
} from '@tidemark/core';
import { startTestEventStoreDb, type SteerableEventStoreDb } from '../support/eventstoredb/start.js';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const serverWith = async (): Promise<SteerableEventStoreDb> => {
  const server = await startTestEventStoreDb();
  closing.push(() => server.close());
  return server;
};

const opened = async (backend: Backend): Promise<Backend> => {
  await backend.open();
  closing.push(() => backend.close());
  return backend;
};

/** The same random numbers for the same seed (mulberry32). */
const randomFrom = (seed: number) => (): number => {
  seed = (seed + 0x6d_2b_79_f5) | 0;
  let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
  return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
};

/** Appends of a few events each, to a few dozen streams in turn. */
const fill = async ({ events }: Backend, count: number, random: () => number): Promise<void> => {
  for (let n = 0; n < count; ) {
    const size = Math.min(count - n, 1 + Math.floor(random() * 20));
    const batch = Array.from({ length: size }, (_, index): NewEvent => {
      const number = n + index;
      return {
        type: number % 3 === 0 ? 'Paid' : 'Placed',
        schemaVersion: 1 + (number % 2),
        data: { number, text: 'ünï\u0000\uD800'.repeat(number % 5) },
        metadata: { correlationId: `c${number}`, userId: 'u' },
      };
    });
    await events.append(`order-${Math.floor(random() * 40)}`, batch);
    n += size;
  }
};

/** Does something so many turns of the promises later: a database within the process never waits for timers. */
const later = async (turns: number, work: () => void): Promise<void> => {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
  work();
};

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

describe(`migrating between EventStoreDB and PGlite (SEED=${seed})`, () => {
  it('there and back gives the same digests, and the origins of both ways', async () => {
    const [first, last] = [await serverWith(), await serverWith()];
    const source = await opened(eventStoreDb({ connectionString: first.connectionString, state: memory() }));
    const middle = await opened(pglite());
    const target = await opened(eventStoreDb({ connectionString: last.connectionString, state: memory() }));
    await fill(source, 2_000, randomFrom(seed));
    const there = await migrate({ name: 'there', from: source.events, to: middle }).done;
    const back = await migrate({ name: 'back', from: middle.events, to: target }).done;
    expect([there.written, back.written]).toEqual([2_000, 2_000]);
    const digest = await digestLog(source.events);
    expect(digest.count).toBe(2_000);
    expect(await digestLog(middle.events)).toEqual(digest);
    expect(await digestLog(target.events)).toEqual(digest);
    for await (const [event] of target.events.readAll({ limit: 1 })) {
      expect(event && originOf(event)).toMatchObject({ migration: 'back', before: { migration: 'there' } });
    }
  }, 120_000);

  it.each([
    [
      'PGlite',
      async (): Promise<() => Backend> => {
        const backend = await opened(pglite());
        return () => backend;
      },
    ],
    [
      'EventStoreDB',
      async (): Promise<() => Backend> => {
        const { connectionString } = await serverWith();
        const state = memory();
        return () => eventStoreDb({ connectionString, state });
      },
    ],
  ])(
    'cut off at 20 random moments, it completes in %s without duplicates, in the order of the source',
    async (_, prepare) => {
      const random = randomFrom(seed);
      const source = await opened(pglite());
      await fill(source, 800, random);
      const make = await prepare();
      let cutOff = 0;
      for (let run = 0; run < 20; run += 1) {
        const to = make();
        await to.open();
        const controller = new AbortController();
        let timer: NodeJS.Timeout | undefined;
        let batches = 1 + Math.floor(random() * 4);
        // Without a word where the target can be opened again; PGlite in memory would be gone.
        const cut = (): void => {
          if (to.name === 'pglite') controller.abort(new Error('cut off'));
          else void to.close();
        };
        const done = migrate({
          name: 'm',
          from: source.events,
          to,
          batchSize: 1 + Math.floor(random() * 60),
          signal: controller.signal,
          retry: { attempts: 1 },
          onProgress: () => {
            batches -= 1;
            if (batches !== 0) return;
            if (to.name === 'pglite') void later(Math.floor(random() * 300), cut);
            else timer = setTimeout(cut, random() * 5);
          },
        }).done.then(
          () => 0,
          () => 1,
        );
        cutOff += await done;
        clearTimeout(timer);
        if (to.name !== 'pglite') await to.close();
      }
      expect(cutOff).toBeGreaterThan(5);
      const to = await opened(make());
      const report = await migrate({ name: 'm', from: source.events, to }).done;
      expect(report.verification?.isRight).toBe(true);
      expect(await digestLog(to.events)).toEqual(await digestLog(source.events));
    },
    120_000,
  );

  it('a target that was tampered with is found out', async () => {
    const source = await opened(pglite());
    await fill(source, 200, randomFrom(seed));
    const { connectionString } = await serverWith();
    const target = await opened(eventStoreDb({ connectionString, state: memory() }));
    await migrate({ name: 'm', from: source.events, to: target }).done;
    const corrupted = await opened(pglite());
    await migrate({ name: 'm', from: source.events, to: corrupted }).done;
    await corrupted.transaction(async (tx) => {
      await tx.query(`SET LOCAL session_replication_role = replica`);
      await tx.query(
        `UPDATE tidemark.events SET data = '{"number":-1}' WHERE position = (SELECT max(position) FROM tidemark.events)`,
      );
    });
    await expect(migrate({ name: 'm', from: source.events, to: corrupted }).done).rejects.toThrow(
      MigrationVerificationError,
    );
  }, 60_000);

  it('follows EventStoreDB into PGlite while it is written to, until it is finished', async () => {
    const server = await serverWith();
    const source = await opened(eventStoreDb({ connectionString: server.connectionString, state: memory() }));
    const target = await opened(pglite());
    await fill(source, 300, randomFrom(seed));
    const migration = migrate({ name: 'm', from: source.events, to: target, follow: true });
    await migration.caughtUp();
    server.node.dropConnections();
    await fill(source, 300, randomFrom(seed + 1));
    const report = await migration.finish();
    expect(report.verification?.expected.count).toBe(600);
    expect(await digestLog(target.events)).toEqual(await digestLog(source.events));
  }, 60_000);
});
