import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { StoreUnavailableError } from '@tidemark/core';
import { Client } from 'pg';
import { startOwnPostgres, type OwnTestServer } from '../support/postgres-server.js';
import { underLoad } from './load.js';

const nothingWrong = { lost: [], halves: [], missed: 0, disordered: 0 };

describe('faults', () => {
  let server: OwnTestServer | undefined;
  let connectionString = '';

  beforeAll(async () => {
    server = await startOwnPostgres();
    ({ connectionString } = server);
  }, 60_000);
  afterAll(() => server?.close());

  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await wait(5);
  };

  it('every connection is terminated, again and again: what was acknowledged is there, and readers go on', async () => {
    const backend = postgres({ connectionString, schema: server?.schema(), pollMs: 50 });
    await backend.open();
    const killer = new Client({ connectionString });
    await killer.connect();
    let killed = 0;
    const result = await underLoad(backend.events, 20, async (progress) => {
      for (let round = 1; round <= 15; round++) {
        const before = progress();
        await until(() => progress() > before + 50);
        const { rowCount } = await killer.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
        );
        killed += rowCount ?? 0;
      }
    });
    await killer.end();
    await backend.close();
    expect(killed).toBeGreaterThan(30);
    expect(result).toMatchObject(nothingWrong);
    expect(result.acknowledged).toBeGreaterThan(15 * 50);
  }, 120_000);

  it('the server is killed and started again, twice: what was acknowledged is there, and readers go on', async () => {
    const backend = postgres({
      connectionString,
      schema: server?.schema(),
      pollMs: 50,
      connectTimeoutMs: 300,
    });
    await backend.open();
    const result = await underLoad(backend.events, 20, async (progress) => {
      for (let round = 1; round <= 2; round++) {
        const before = progress();
        await until(() => progress() > before + 200);
        await server?.kill();
        // Long enough for calls to give up.
        await wait(500);
        await server?.start();
      }
      const before = progress();
      await until(() => progress() > before + 200);
    });
    await backend.close();
    expect(result).toMatchObject(nothingWrong);
    expect(result.failed).toBeGreaterThan(0);
  }, 120_000);

  it('a short outage is noticed but as a delay', async () => {
    const backend = postgres({ connectionString, schema: server?.schema() });
    await backend.open();
    await backend.events.append('a', [{ type: 'T', data: 1 }]);
    await server?.kill();
    const appends = Promise.all(
      Array.from({ length: 30 }, (_, index) => backend.events.append(`s${index}`, [{ type: 'T', data: 1 }])),
    );
    await server?.start();
    expect(await appends).toHaveLength(30);
    await backend.close();
  }, 60_000);

  it('a pool without a free connection fails in time, and goes on when there is one', async () => {
    const backend = postgres({
      connectionString,
      schema: server?.schema(),
      maxConnections: 2,
      connectTimeoutMs: 200,
    });
    await backend.open();
    let letGo = (): void => expect('never').toBe('called');
    const held = new Promise<void>((resolve) => (letGo = resolve));
    const holders = [1, 2].map(() =>
      backend.transaction(async (tx) => {
        await tx.query('SELECT 1');
        await held;
      }),
    );
    await expect(backend.events.head()).rejects.toThrow(StoreUnavailableError);
    await expect(backend.events.append('a', [{ type: 'T', data: 1 }])).rejects.toThrow(StoreUnavailableError);
    letGo();
    await Promise.all(holders);
    expect((await backend.events.append('a', [{ type: 'T', data: 1 }])).version).toBe(0);
    await backend.close();
  }, 60_000);

  it('a transaction whose connection is killed changes nothing and fails by a typed error', async () => {
    const backend = postgres({ connectionString, schema: server?.schema() });
    await backend.open();
    const attempt = backend.transaction(async (tx) => {
      await tx.append([{ stream: 'a', events: [{ type: 'T', data: 1 }] }]);
      await tx.query('SELECT pg_terminate_backend(pg_backend_pid())');
    });
    await expect(attempt).rejects.toMatchObject({ name: 'ConnectionLostError' });
    expect(await backend.events.streamVersion('a')).toBeUndefined();
    await backend.close();
  }, 60_000);

  it('a transaction that waits for its own process for too long is ended by the server', async () => {
    const backend = postgres({ connectionString, schema: server?.schema(), idleInTransactionTimeoutMs: 100 });
    await backend.open();
    const attempt = backend.transaction(async (tx) => {
      await tx.append([{ stream: 'a', events: [{ type: 'T', data: 1 }] }]);
      await wait(300);
      await tx.query('SELECT 1');
    });
    await expect(attempt).rejects.toThrow(StoreUnavailableError);
    await backend.close();
  }, 60_000);

  it('a statement that takes too long is ended, and the connection used again', async () => {
    const backend = postgres({ connectionString, schema: server?.schema(), statementTimeoutMs: 100 });
    await backend.open();
    await expect(backend.transaction((tx) => tx.query('SELECT pg_sleep(10)'))).rejects.toMatchObject({
      name: 'SqlError',
      sqlState: '57014',
    });
    expect(await backend.events.head()).toBe(0n);
    await backend.close();
  }, 60_000);
});
