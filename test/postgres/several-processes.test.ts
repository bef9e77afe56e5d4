import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { LeaseLostError, StoreUnavailableError, TransactionConflictError } from '@tidemark/core';
import type { Backend, Lease } from '@tidemark/core';
import { startPostgres, type TestServer } from '../support/postgres-server.js';

let server: TestServer | undefined;
let one: Backend;
let two: Backend;

beforeAll(async () => {
  server = await startPostgres();
}, 60_000);
afterAll(() => server?.close());

beforeEach(async () => {
  const schema = server?.schema();
  const connectionString = server?.connectionString;
  one = postgres({ connectionString, schema });
  two = postgres({ connectionString, schema });
  await one.open();
  await two.open();
});
afterEach(async () => {
  jest.useRealTimers();
  await Promise.all([one.close(), two.close()]);
});

const documents = Array.from({ length: 20 }, (_, n) => ({ key: `k${n}`, document: { n, half: n % 2 } }));

describe('a collection that another process changes', () => {
  it('gets a new index: what is written by whoever did not know it is found by it', async () => {
    await one.documents.ensure({ name: 'c', indexes: ['n'] });
    await one.documents.write('c', documents.slice(0, 10));
    await two.documents.ensure({ name: 'c', indexes: ['n', 'half'] });
    await one.documents.write('c', documents.slice(10));
    await one.documents.write('c', [{ key: 'k0', document: { n: 0, half: 1 } }]);
    expect(await two.documents.count('c', { half: { eq: 1 } })).toBe(11);
    expect(await one.documents.count('c', { half: { eq: 1 } })).toBe(11);
  });

  it('gets a new index: whoever has not used it since can ask by it, in a transaction too', async () => {
    await one.documents.ensure({ name: 'c', indexes: [] });
    await one.documents.write('c', documents);
    await two.documents.ensure({ name: 'c', indexes: ['half'] });
    const page = await one.documents.query('c', { where: { half: { eq: 0 } }, limit: 3 });
    expect(page.documents).toHaveLength(3);
    await two.documents.ensure({ name: 'c', indexes: ['half', 'n'] });
    await one.transaction(async (tx) => {
      // Nothing was asked of the database yet that could have failed.
      expect(await tx.documents.count('c', { n: { gte: 10 } })).toBe(10);
    });
  });

  it('loses an index: whoever asks by it is told so, and all else goes on', async () => {
    await one.documents.ensure({ name: 'c', indexes: ['n'] });
    await one.documents.write('c', documents);
    await two.documents.ensure({ name: 'c', indexes: [] });
    await expect(one.documents.count('c', { n: { eq: 1 } })).rejects.toThrow('not indexed');
    await one.documents.write('c', [{ key: 'more', document: { n: 1 } }]);
    expect(await two.documents.count('c')).toBe(21);
  });

  it('is dropped, and made again: nothing is written to where nobody looks', async () => {
    await one.documents.ensure({ name: 'c', indexes: ['n'] });
    await one.documents.write('c', documents);
    await two.documents.drop('c');
    await expect(one.documents.write('c', documents)).rejects.toThrow('"c" does not exist');
    await two.documents.ensure({ name: 'c', indexes: ['half'] });
    await one.documents.write('c', documents.slice(0, 3));
    expect(await two.documents.count('c')).toBe(3);
    expect([...(await one.documents.load('c', ['k0', 'k5'])).keys()]).toEqual(['k0']);
  });

  it('fails a transaction that knows it as it was, as a whole; done again, it succeeds', async () => {
    await one.documents.ensure({ name: 'c', indexes: [] });
    await one.documents.write('c', documents.slice(0, 1));
    await two.documents.ensure({ name: 'c', indexes: ['n'] });
    const attempt = (): Promise<void> =>
      one.transaction(async (tx) => {
        await tx.timers.schedule([{ id: 't', target: 't', dueAt: new Date(), payload: 1 }]);
        await tx.documents.write('c', documents);
      });
    await expect(attempt()).rejects.toThrow(TransactionConflictError);
    expect(await one.timers.list('t')).toEqual([]);
    await attempt();
    expect(await two.documents.count('c', { n: { gte: 10 } })).toBe(10);
  });

  it('is not changed before a transaction that uses it has ended', async () => {
    await one.documents.ensure({ name: 'c', indexes: ['n'] });
    const order: string[] = [];
    let changing: Promise<void> | undefined;
    await one.transaction(async (tx) => {
      await tx.documents.write('c', documents.slice(0, 1));
      changing = noted(two.documents.ensure({ name: 'c', indexes: ['half'] }), order, 'changed');
      await tx.documents.write('c', documents.slice(1));
      order.push('written');
    });
    await changing;
    expect(order).toEqual(['written', 'changed']);
    expect(await two.documents.count('c', { half: { eq: 1 } })).toBe(10);
  });

  it('is changed and written by both again and again, and every document is found by every index', async () => {
    const indexes = [['n'], ['half', 'n'], ['n', 'other'], ['half', 'n', 'other']];
    await one.documents.ensure({ name: 'c', indexes: ['n'] });
    const writing = [one, two].map(async ({ documents: store }, writer) => {
      for (let n = 0; n < 60; n++) {
        await store.write('c', [{ key: `${writer}.${n}`, document: { n, half: n % 2, other: 'x' } }]);
      }
    });
    for (let round = 0; round < 12; round++) {
      const { documents: store } = round % 2 === 0 ? one : two;
      await store.ensure({ name: 'c', indexes: indexes[round % indexes.length] ?? [] });
    }
    await Promise.all(writing);
    await one.documents.ensure({ name: 'c', indexes: ['half', 'n', 'other'] });
    expect(await two.documents.count('c', { n: { gte: 0 } })).toBe(120);
    expect(await two.documents.count('c', { half: { eq: 1 } })).toBe(60);
    expect(await two.documents.count('c', { other: { eq: 'x' } })).toBe(120);
  });
});

describe('leases of two processes', () => {
  const acquire = async (backend: Backend, owner: string, ttlMs: number): Promise<Lease> => {
    const [lease] = await backend.leases.acquire({ names: ['l'], owner, ttlMs });
    if (lease === undefined) throw new Error(`${owner} did not get the lease.`);
    return lease;
  };

  it('pitfall 15: a clock that is an hour off changes nothing, fast or slow', async () => {
    const lease = await acquire(one, 'a', 60_000);
    for (const skewMs of [3_600_000, -3_600_000]) {
      jest.useFakeTimers({ now: Date.now() + skewMs, doNotFake: [...notDate] });
      expect(await two.leases.acquire({ names: ['l'], owner: 'b', ttlMs: 60_000 })).toEqual([]);
      expect(await two.leases.renew([lease], 60_000)).toEqual([lease]);
      const [status] = await two.leases.list();
      expect(status?.remainingMs).toBeGreaterThan(50_000);
      expect(status?.remainingMs).toBeLessThanOrEqual(60_000);
      await two.nodes.announce({ id: `n${skewMs}`, name: 'n', startedAt: new Date() }, 60_000);
      expect(await two.nodes.list()).toContainEqual(expect.objectContaining({ id: `n${skewMs}` }));
      jest.useRealTimers();
    }
    expect((await one.nodes.list()).length).toBe(2);
  });

  it('pitfall 2: a handler that took too long is rolled back, checkpoint and all, when its lease was stolen', async () => {
    await one.documents.ensure({ name: 'c', indexes: [] });
    const lease = await acquire(one, 'a', 50);
    const attempt = one.transaction(async (tx) => {
      await tx.documents.write('c', documents);
      // Another process has seen it expire.
      let stolen: readonly Lease[] = [];
      while (stolen.length === 0) stolen = await acquireOutside(two);
      await tx.checkpoints.move({ processor: 'p', segment: 0, previous: undefined, position: 9n, lease });
    });
    await expect(attempt).rejects.toThrow(LeaseLostError);
    expect(await two.documents.count('c')).toBe(0);
    expect(await two.checkpoints.load('p')).toBeUndefined();
    const [stolen] = await two.leases.acquire({ names: ['l'], owner: 'b', ttlMs: 60_000 });
    expect(stolen).toMatchObject({ owner: 'b', epoch: 2 });
    await two.checkpoints.move({
      processor: 'p',
      segment: 0,
      previous: undefined,
      position: 5n,
      lease: stolen,
    });
  });

  it('a process that freezes between the move and the commit holds up the next owner no longer than its lease', async () => {
    const lease = await acquire(one, 'a', 1_000);
    const attempt = one.transaction(async (tx) => {
      await tx.checkpoints.move({ processor: 'p', segment: 0, previous: undefined, position: 9n, lease });
      let stolen: readonly Lease[] = [];
      while (stolen.length === 0) {
        await wait(50);
        stolen = await acquireOutside(two);
      }
    });
    await expect(attempt).rejects.toThrow(StoreUnavailableError);
    expect(await two.checkpoints.load('p')).toBeUndefined();
    expect((await two.leases.list())[0]).toMatchObject({ owner: 'b', epoch: 2 });
  });
});

const noted = async (work: Promise<void>, order: string[], note: string): Promise<void> => {
  await work;
  order.push(note);
};

const acquireOutside = (backend: Backend): Promise<readonly Lease[]> =>
  backend.leases.acquire({ names: ['l'], owner: 'b', ttlMs: 60_000 });

/** Everything that fake timers could replace but the date. */
const notDate = [
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'clearImmediate',
  'setInterval',
  'clearInterval',
  'setTimeout',
  'clearTimeout',
] as const satisfies readonly string[];
