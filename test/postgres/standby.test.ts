import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { StoreUnavailableError, type Backend } from '@tidemark/core';
import { Client } from 'pg';
import { startDebianPostgres, type DebianTestServer } from '../support/postgres-server.js';
import { Proxy } from '../support/proxy.js';

const event = { type: 'T', data: 1 };

describe('a hot standby', () => {
  let server: DebianTestServer;
  let standby = '';

  beforeAll(async () => {
    server = await startDebianPostgres();
    standby = await server.standby();
  }, 120_000);
  afterAll(() => server.close());

  const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await condition())) await wait(20);
  };
  const asked = async (connectionString: string, text: string): Promise<unknown> => {
    const client = new Client({ connectionString });
    await client.connect();
    try {
      return Object.values((await client.query<Record<string, unknown>>(text)).rows[0] ?? {})[0];
    } finally {
      await client.end();
    }
  };
  const reasons = (backend: Backend): string => (backend.health?.().reasons ?? []).join(' ');

  it('pitfall 1: is refused, since its readers would miss events; by the database too', async () => {
    const schema = server.schema();
    const primary = postgres({ connectionString: server.connectionString, schema });
    await primary.open();
    await primary.events.append('a', [event]);
    const backend = postgres({ connectionString: standby, schema, connectTimeoutMs: 300 });
    const failure: unknown = await backend.open().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StoreUnavailableError);
    expect(failure).toMatchObject({
      message: expect.stringMatching(
        /^PostgreSQL at 127\.0\.0\.1:\d+\/postgres could not be used: it is a standby, .*connect to the primary/,
      ),
    });
    const readSafe = `SELECT ${schema}.safe_position()`;
    await until(async () => {
      const there = await asked(standby, `SELECT to_regprocedure('${schema}.safe_position()') IS NOT NULL`);
      return there === true;
    });
    await expect(asked(standby, readSafe)).rejects.toMatchObject({ code: '25006' });
    expect(await asked(server.connectionString, readSafe)).toBe('1');
    await primary.close();
  });

  it('is not used when a failover leads to it too early, and taken when it was promoted', async () => {
    const { proxy, url } = await Proxy.before(server.connectionString);
    const backend = postgres({
      connectionString: url,
      schema: server.schema(),
      pollMs: 50,
      connectTimeoutMs: 500,
    });
    await backend.open();
    const seen: unknown[] = [];
    const subscription = backend.events.subscribe();
    const following = (async () => {
      for await (const { events } of subscription) seen.push(...events.map(({ data }) => data));
    })();
    await backend.events.append('a', [{ type: 'T', data: 'before' }]);
    await until(() => seen.length === 1);
    const written = await asked(server.connectionString, 'SELECT pg_current_wal_flush_lsn()');
    await until(async () => {
      const missing = await asked(standby, `SELECT '${String(written)}'::pg_lsn > pg_last_wal_replay_lsn()`);
      return missing === false;
    });

    proxy.redirect({ host: '127.0.0.1', port: Number(new URL(standby).port) });
    proxy.cut();
    const tooEarly = { message: expect.stringContaining('it is a standby') };
    await until(() => reasons(backend).includes('it is a standby'));
    await expect(backend.events.append('a', [event])).rejects.toMatchObject(tooEarly);
    await expect(backend.events.streamVersion('a')).rejects.toMatchObject(tooEarly);
    await until(() => backend.health?.().status === 'down');
    expect(reasons(backend)).toMatch(/PostgreSQL at \S+ cannot be used since \S+Z: it is a standby, /);
    expect(reasons(backend)).not.toContain('only-for-tests');

    await server.kill();
    expect(await asked(standby, 'SELECT pg_promote()')).toBe(true);
    await until(() => backend.health?.().status === 'up');
    expect(await backend.events.append('a', [{ type: 'T', data: 'after' }])).toMatchObject({ version: 1 });
    await until(() => seen.length === 2);
    expect(seen).toEqual(['before', 'after']);
    await subscription.close();
    await following;
    await backend.close();
    await proxy.close();
  });
});
