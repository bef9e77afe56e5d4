import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import { pglite } from '@tidemark/adapters/pglite';
import {
  Aggregate,
  AggregateId,
  Apply,
  Command,
  CommandHandler,
  createApp,
  digestLog,
  Event,
  memory,
  migrate,
  originOf,
  Schema,
  upcaster,
  type Backend,
} from '@tidemark/core';
import { startTestEventStoreDb, type SteerableEventStoreDb } from '../support/eventstoredb/start.js';
import { until } from '../support/until.js';

/* Moving while somebody writes, and moving within one store. `EVENTS=100000` begins with a longer log. */

const before = Number(process.env['EVENTS'] ?? 5_000);

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

/** Writes to whatever store it is led to, without a pause, until it is held. */
class Writer {
  #store: Backend;
  #held: PromiseWithResolvers | undefined;
  #n = 0;
  #ended = false;
  #busy: Promise<void> = Promise.resolve();
  longestHoldMs = 0;

  constructor(store: Backend) {
    this.#store = store;
  }

  get written(): number {
    return this.#n;
  }

  start(): Promise<void> {
    return this.#run();
  }

  end(): void {
    this.#ended = true;
  }

  /** No append is under way when it resolves, and none begins before `resume`. */
  async hold(): Promise<void> {
    let release: () => void = () => undefined;
    const promise = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#held = { promise, release, since: Date.now() };
    await this.#busy;
  }

  resume(store: Backend): void {
    this.#store = store;
    const held = this.#held;
    if (held === undefined) return;
    this.longestHoldMs = Math.max(this.longestHoldMs, Date.now() - held.since);
    this.#held = undefined;
    held.release();
  }

  async #run(): Promise<void> {
    while (!this.#ended) {
      await this.#held?.promise;
      this.#busy = this.#write();
      await this.#busy;
      await wait(1);
    }
  }

  async #write(): Promise<void> {
    await this.#store.events.append(`live-${this.#n % 5}`, [{ type: 'Counted', data: { n: this.#n } }]);
    this.#n += 1;
  }
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  readonly release: () => void;
  readonly since: number;
}

describe('the cut-over', () => {
  it('holds a writer only while the rest is copied and verified, and loses nothing', async () => {
    const { connectionString } = await serverWith();
    const source = await opened(eventStoreDb({ connectionString, state: memory() }));
    const target = await opened(pglite());
    for (let n = 0; n < before; n += 100) {
      const events = Array.from({ length: 100 }, (_, index) => ({
        type: 'Counted',
        data: { n: n + index },
      }));
      await source.events.append(`old-${n % 700}`, events);
    }
    const writer = new Writer(source);
    const writing = writer.start();
    const began = Date.now();
    const migration = migrate({ name: 'm', from: source.events, to: target, follow: true });
    await migration.caughtUp();
    const caughtUpMs = Date.now() - began;
    const soFar = writer.written;
    await until(() => writer.written >= soFar + 50);

    await writer.hold();
    const { verification } = await migration.finish();
    writer.resume(target);

    const moved = await digestLog(source.events);
    expect(verification?.actual).toEqual(moved);
    await until(() => writer.written >= moved.count - before + 50);
    writer.end();
    await writing;
    // Everything that was acknowledged, before and after, is in the new store once; the old one got nothing more.
    expect((await digestLog(source.events)).digest).toBe(moved.digest);
    expect((await digestLog(target.events)).count).toBe(before + writer.written);
    for (const stream of ['live-0', 'live-1', 'live-2', 'live-3', 'live-4']) {
      let expected = Number(stream.at(-1));
      for await (const batch of target.events.readStream(stream)) {
        for (const event of batch) {
          expect(event.data).toEqual({ n: expected });
          expected += 5;
        }
      }
    }
    process.stdout.write(
      `${moved.count} events: caught up after ${caughtUpMs} ms, the writer was held for ${writer.longestHoldMs} ms\n`,
    );
  }, 300_000);
});

@Event({ name: 'bill.priced' })
class Priced {
  constructor(readonly cents: number) {}
}

@Command({ name: 'bill.price' })
class Price {
  @AggregateId() readonly accountId: string;
  readonly cents: number;

  constructor(accountId: string, cents: number) {
    this.accountId = accountId;
    this.cents = cents;
  }
}

/** It was called `bill` once. */
@Aggregate({ name: 'account' })
class Account {
  cents = 0;

  @CommandHandler() price({ cents }: Price) {
    return new Priced(cents);
  }

  @Apply() priced({ cents }: Priced) {
    this.cents += cents;
  }
}

describe('within one store', () => {
  it.each(['PGlite', 'EventStoreDB'])(
    'streams get a new name and the newest version of their events in %s, and the application goes on with them',
    async (kind) => {
      const store =
        kind === 'PGlite'
          ? pglite()
          : eventStoreDb({ connectionString: (await serverWith()).connectionString, state: memory() });
      await opened(store);
      for (const [stream, price] of [
        ['bill-1', 1.5],
        ['bill-2', 2.5],
        ['bill-1', 3],
      ] as const) {
        await store.events.append(stream, [{ type: 'priced', data: { price } }]);
      }
      await store.events.append('other-1', [{ type: 'priced', data: {} }]);
      const schema = new Schema();
      schema.register(
        upcaster({
          event: 'priced',
          from: 1,
          upcast: (data: { readonly price: number }) => ({ cents: Math.round(data.price * 100) }),
        }),
      );
      const migration = migrate({
        name: 'bills-to-accounts',
        from: store.events,
        to: store,
        filter: { streamPrefixes: ['bill-'] },
        schema,
        rename: {
          streams: (stream) => stream.replace(/^bill-/, 'account-'),
          types: { priced: 'bill.priced' },
        },
        // A new type begins with version 1.
        map: (event) => ({ ...event, schemaVersion: 1 }),
        follow: true,
      });
      await migration.caughtUp();
      // The old release still writes.
      await store.events.append('bill-2', [{ type: 'priced', data: { price: 4 } }]);
      const { written, verification } = await migration.finish();
      expect(written).toBe(4);
      expect([...(verification?.actual.streams.keys() ?? [])].toSorted()).toEqual(['account-1', 'account-2']);
      // The new release: nothing but the name is new.
      const app = createApp({ backend: store, register: [Account] });
      await app.start();
      await app.send(new Price('2', 10));
      const account = await app.load(Account, '2');
      expect(account).toMatchObject({ version: 2, state: { cents: 250 + 400 + 10 } });
      for await (const [first] of store.events.readStream('account-2', { limit: 1 })) {
        expect(first && originOf(first)).toMatchObject({ stream: 'bill-2', version: 0 });
      }
      // The old streams are there for a way back, until they are deleted.
      expect(await store.events.streamVersion('bill-2')).toBe(1);
      for (const stream of ['bill-1', 'bill-2']) await store.events.deleteStream(stream);
      expect(await store.events.streamVersion('bill-2')).toBeUndefined();
      expect((await app.load(Account, '1')).state.cents).toBe(450);
      await app.stop();
    },
    60_000,
  );
});
