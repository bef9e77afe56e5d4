import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ConnectionLostError, postgres } from '@tidemark/adapters/postgres';
import { StoreUnavailableError, type Backend } from '@tidemark/core';
import { startPostgres, type TestServer } from '../support/postgres-server.js';
import { Proxy } from '../support/proxy.js';
import { underLoad } from './load.js';

const nothingWrong = { lost: [], halves: [], missed: 0, disordered: 0 };
const event = { type: 'T', data: 1 };

describe('a network that fails', () => {
  let server: TestServer | undefined;
  let proxy: Proxy;
  let backend: Backend;
  let direct: Backend;

  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    const connectionString = server?.connectionString ?? '';
    const schema = server?.schema();
    const through = await Proxy.before(connectionString);
    ({ proxy } = through);
    backend = postgres({
      connectionString: through.url,
      schema,
      pollMs: 50,
      connectTimeoutMs: 1_000,
      statementTimeoutMs: 1_000,
    });
    direct = postgres({ connectionString, schema });
    await direct.open();
    await backend.open();
  });
  afterEach(async () => {
    await backend.close();
    await direct.close();
    await proxy.close();
  });

  const dataOf = async (stream: string): Promise<readonly unknown[]> => {
    const data: unknown[] = [];
    for await (const batch of direct.events.readStream(stream)) data.push(...batch.map((each) => each.data));
    return data;
  };
  /** Makes the connection that the next call uses. */
  const warm = async (): Promise<void> => {
    await backend.events.streamVersion('nobody');
  };
  /** Many appends, until so many more of them were acknowledged. */
  const progressed =
    (progress: () => number) =>
    async (more: number): Promise<void> => {
      const before = progress();
      while (progress() < before + more) await new Promise((resolve) => setTimeout(resolve, 5));
    };

  it.each([
    ['cuts by reset', () => proxy.cut('reset')],
    ['cuts in good order', () => proxy.cut('end')],
    ['closes the way of requests', () => proxy.halfClose('requests')],
    ['closes the way of answers', () => proxy.halfClose('answers')],
  ] as const)('that %s, again and again, under load, loses nothing', async (_, harm) => {
    const result = await underLoad(backend.events, 10, async (progress) => {
      const more = progressed(progress);
      for (let round = 1; round <= 10; round++) {
        await more(30);
        harm();
      }
      await more(30);
    });
    expect(result).toMatchObject(nothingWrong);
  });

  it('that is slow, narrow, and cut in the middle of requests and answers loses nothing', async () => {
    const result = await underLoad(backend.events, 10, async (progress) => {
      const more = progressed(progress);
      proxy.delay('requests', 5);
      proxy.delay('answers', 5);
      proxy.limit(200_000);
      await more(50);
      for (const direction of ['requests', 'answers'] as const) {
        for (const bytes of [0, 1, 7, 100, 1_000]) {
          await proxy.cutAfter(direction, bytes, 1);
          await more(10);
        }
      }
      proxy.heal();
      await more(50);
    });
    expect(result).toMatchObject(nothingWrong);
  });

  it('that swallows everything, with new connections too: calls fail in time, and all goes on when it is back', async () => {
    const result = await underLoad(backend.events, 10, async (progress) => {
      const more = progressed(progress);
      await more(50);
      proxy.swallow();
      // An answer is waited for as long as the server may take, and a while.
      await expect(backend.transaction((tx) => tx.query('SELECT 1'))).rejects.toThrow(StoreUnavailableError);
      proxy.heal();
      await more(50);
    });
    expect(result).toMatchObject(nothingWrong);
  });

  it('that swallows everything lets closing end, with connections in the pool, and one that listens', async () => {
    await Promise.all(
      Array.from({ length: 5 }, () => backend.transaction((tx) => tx.query('SELECT pg_sleep(0.05)'))),
    );
    const subscription = backend.events.subscribe();
    const ended = (async () => {
      for await (const batch of subscription) expect(batch.events).toEqual([]);
    })();
    proxy.swallow();
    // Left to the operating system, this would take a quarter of an hour.
    await backend.close();
    await ended;
  });

  it('an append whose answer is lost is acknowledged, and is there once', async () => {
    for (const options of [{}, { expectedVersion: 0 }]) {
      await warm();
      const cut = proxy.loseAnswerTo('stream-a');
      const { version } = await backend.events.append('stream-a', [event], options);
      await cut;
      expect(await direct.events.streamVersion('stream-a')).toBe(version);
    }
    expect(await dataOf('stream-a')).toEqual([1, 1]);
  });

  it('an append that arrives behind its own repetition is there once', async () => {
    await warm();
    proxy.delay('requests', 300);
    const appended = backend.events.append('a', [event]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    proxy.forsakeClients();
    proxy.heal();
    expect(await appended).toMatchObject({ version: 0 });
    // What was sent first arrives now.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await dataOf('a')).toEqual([1]);
  });

  it('an appendAll whose answer is lost is acknowledged, and is there once', async () => {
    await warm();
    const cut = proxy.loseAnswerTo('stream-a');
    const results = await backend.events.appendAll([
      { stream: 'stream-a', events: [event], expectedVersion: 'no-stream' },
      { stream: 'b', events: [event, event], expectedVersion: 'no-stream' },
    ]);
    await cut;
    expect(results.map(({ version }) => version)).toEqual([0, 1]);
    expect([await dataOf('stream-a'), await dataOf('b')]).toEqual([[1], [1, 1]]);
  });

  it('a transaction whose commit is not answered fails by an error that says so', async () => {
    let cut: Promise<void> | undefined;
    const attempt = backend.transaction(async (tx) => {
      await tx.append([{ stream: 'a', events: [event] }]);
      cut = proxy.loseAnswerTo('COMMIT');
    });
    await expect(attempt).rejects.toThrow(/nobody knows whether it took place/);
    await expect(attempt).rejects.toThrow(ConnectionLostError);
    await cut;
    expect(await dataOf('a')).toEqual([1]);
  });

  it('a transaction begins on another connection when its own had been lost unnoticed', async () => {
    await warm();
    const cut = proxy.loseAnswerTo('BEGIN');
    await backend.transaction((tx) => tx.append([{ stream: 'a', events: [event] }]));
    await cut;
    expect(await dataOf('a')).toEqual([1]);
  });

  it.each(['refuses', 'swallows'] as const)('that %s lets opening fail in time', async (how) => {
    if (how === 'refuses') proxy.refuse();
    else proxy.swallow();
    const other = postgres({
      connectionString: (server?.connectionString ?? '').replace(/:\d+\//, `:${proxy.port}/`),
      connectTimeoutMs: 1_000,
    });
    await expect(other.open()).rejects.toThrow(StoreUnavailableError);
    proxy.heal();
    await other.open();
    await other.close();
  });
});
