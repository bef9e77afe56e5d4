import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { redis, type RedisLayer } from '@tidemark/adapters/redis';
import type { Backend } from '@tidemark/core';
import { Redis } from 'ioredis';
import { Client, Pool } from 'pg';
import { underLoad } from '../postgres/load.js';
import { startOwnPostgres, type TestServer } from '../support/postgres-server.js';
import { startRedis, type TestRedis } from '../support/redis-server.js';
import { allPositions, follow, until } from './following.js';

const events = (count: number, data: unknown = 1): { type: string; data: unknown }[] =>
  Array.from({ length: count }, () => ({ type: 'T', data }));

describe('the tail in Redis', () => {
  let server: TestServer;
  let redisServer: TestRedis;
  let client: Redis;

  beforeAll(async () => {
    server = await startOwnPostgres();
    redisServer = await startRedis();
    client = new Redis(redisServer.url);
  }, 120_000);
  afterAll(async () => {
    client.disconnect();
    await redisServer.close();
    await server.close();
  });

  interface Log {
    readonly schema: string;
    readonly keyPrefix: string;
    open(options?: { readonly pollMs?: number; readonly pool?: Pool }): Promise<{
      readonly backend: Backend;
      readonly layer: RedisLayer;
    }>;
    key(name: string): Promise<string>;
  }

  const newLog = (): Log => {
    const schema = server.schema();
    const keyPrefix = redisServer.prefix();
    return {
      schema,
      keyPrefix,
      async open({ pollMs, pool } = {}) {
        const layer = redis({ connectionString: redisServer.url, keyPrefix });
        const backend = postgres({
          ...(pool === undefined ? { connectionString: server.connectionString } : { pool }),
          schema,
          redis: layer,
          pollMs,
        });
        await backend.open();
        return { backend, layer };
      },
      async key(name) {
        let found: string | undefined;
        await until(async () => {
          [found] = await client.keys(`${keyPrefix}:*:${name}`);
          return found !== undefined;
        });
        return found ?? '';
      },
    };
  };

  it('has the positions as its ids, about the newest 10,000, and all keys expire', async () => {
    const log = newLog();
    const { backend, layer } = await log.open();
    const reader = follow(backend.events);
    await until(() => layer.relay.leads);
    for (let n = 0; n < 24; n++) {
      const { position } = await backend.events.append('s', events(500));
      await reader.until(position);
    }
    const tail = await log.key('tail');
    await until(async () => (await client.xrevrange(tail, '+', '-', 'COUNT', 1))[0]?.[0] === '12000-0');
    const entries = await client.xrange(tail, '-', '+');
    expect(entries.length).toBeGreaterThanOrEqual(10_000);
    expect(entries.length).toBeLessThan(10_300);
    const positions = (await allPositions(backend.events)).slice(-entries.length);
    expect(entries.map(([id]) => id)).toEqual(positions.map((position) => `${position}-0`));
    await until(async () => {
      const keys = await client.keys(`${log.keyPrefix}:*`);
      const ttls = await Promise.all(keys.map((key) => client.pttl(key)));
      return keys.length >= 3 && ttls.every((ttl) => ttl > 0);
    });
    expect((await client.keys(`${log.keyPrefix}:*`)).every((key) => /:\{[0-9a-f]{32}\}:/.test(key))).toBe(
      true,
    );
    await reader.stop();
    await backend.close();
  }, 60_000);

  it('a second process reads from it, and not from PostgreSQL', async () => {
    const log = newLog();
    const { backend, layer } = await log.open();
    const reader = follow(backend.events);
    await until(() => layer.relay.leads);
    const pool = new Pool({ connectionString: server.connectionString });
    let queries = 0;
    pool.on('acquire', () => (queries += 1));
    const second = await log.open({ pool, pollMs: 60_000 });
    const other = follow(second.backend.events);
    await until(() => second.layer.relay.follows);
    await wait(50);
    const before = queries;
    let last = 0n;
    for (let n = 0; n < 300; n++) {
      ({ position: last } = await backend.events.append(`s${n % 7}`, events(2, { n })));
    }
    await other.until(last);
    expect(queries - before).toBeLessThan(10);
    expect(second.layer.counters().received).toBeGreaterThan(500);
    expect(other.positions).toEqual(await allPositions(backend.events));
    await Promise.all([reader.stop(), other.stop()]);
    await Promise.all([backend.close(), second.backend.close()]);
    await pool.end();
  }, 60_000);

  it('what was rolled back is a hole in the positions, and none in the tail', async () => {
    const log = newLog();
    const { backend, layer } = await log.open();
    const second = await log.open({ pollMs: 60_000 });
    const readers = [follow(backend.events), follow(second.backend.events)];
    await until(() => layer.relay.leads !== second.layer.relay.leads);
    await until(() => layer.relay.follows || second.layer.relay.follows);
    const rollback = new Error('rolled back');
    let last = 0n;
    for (let n = 0; n < 20; n++) {
      await expect(
        backend.transaction(async (tx) => {
          await tx.append([{ stream: 'gone', events: events(2) }]);
          throw rollback;
        }),
      ).rejects.toBe(rollback);
      ({ position: last } = await backend.events.append('s', events(1)));
    }
    await Promise.all(readers.map((reader) => reader.until(last)));
    const positions = await allPositions(backend.events);
    expect(positions).toHaveLength(20);
    expect(readers.map((reader) => reader.positions)).toEqual([positions, positions]);
    await Promise.all(readers.map((reader) => reader.stop()));
    await Promise.all([backend.close(), second.backend.close()]);
  }, 60_000);

  it('what is missing in it comes from PostgreSQL', async () => {
    const log = newLog();
    const { backend } = await log.open();
    await backend.events.append('s', events(5));
    // Someone who says that he leads, and hands on every third event only.
    const { layer, backend: follower } = await log.open();
    const other = follow(follower.events);
    const leader = await log.key('leader');
    await client.set(leader, 'someone else', 'PX', 60_000);
    await until(() => layer.relay.follows);
    const tail = leader.replace(/leader$/, 'tail');
    const direct = new Client({ connectionString: server.connectionString });
    await direct.connect();
    let last = 0n;
    for (let n = 0; n < 60; n++) {
      ({ position: last } = await backend.events.append('s', events(1, n)));
      if (n % 3 > 0) continue;
      const { rows } = await direct.query<unknown[]>({
        text: `SELECT position::text, stream, version::text, id::text, type, schema_version::text, data::text, metadata::text,
                 date_part('epoch', recorded_at)::text FROM "${log.schema}".events WHERE position = $1`,
        values: [String(last)],
        rowMode: 'array',
      });
      const row = (rows[0] ?? []).map(String);
      await client.xadd(
        tail,
        `${last}-0`,
        'p',
        String(last - 1n),
        'n',
        String(row.length),
        ...row.flatMap((column, index) => [String(index), column]),
      );
      await other.until(last);
    }
    await other.until(last);
    expect(other.positions).toEqual(await allPositions(backend.events));
    expect(layer.counters().holes).toBeGreaterThan(10);
    await other.stop();
    await direct.end();
    await Promise.all([backend.close(), follower.close()]);
  }, 60_000);

  it('two who fill it at once do no harm', async () => {
    const log = newLog();
    const opened = [await log.open(), await log.open(), await log.open()] as const;
    const others = opened.slice(1).map(({ backend }) => follow(backend.events));
    const leader = await log.key('leader');
    let together = 0;
    const result = await underLoad(opened[0].backend.events, 5, async (progress) => {
      const enough = progress() + 1_500;
      while (progress() < enough) {
        // Whoever led goes on for a while, and another one begins.
        await client.del(leader);
        if (opened.filter(({ layer }) => layer.relay.leads).length > 1) together += 1;
        await wait(10);
      }
    });
    expect(result).toMatchObject({ lost: [], halves: [], missed: 0, disordered: 0 });
    const positions = await allPositions(opened[0].backend.events);
    for (const other of others) {
      await other.until(positions.at(-1) ?? 0n);
      await other.stop();
      expect(other.positions).toEqual(positions);
    }
    expect(together).toBeGreaterThan(0);
    expect(opened.reduce((sum, { layer }) => sum + layer.counters().repeated, 0)).toBeGreaterThan(0);
    await Promise.all(opened.map(({ backend }) => backend.close()));
  }, 60_000);

  it('another one leads as soon as the leader has left, and none where nobody subscribes', async () => {
    const log = newLog();
    const [first, second, third] = [await log.open(), await log.open(), await log.open()];
    const reader = follow(first.backend.events);
    await until(() => first.layer.relay.leads);
    const other = follow(second.backend.events);
    await until(() => second.layer.relay.follows);
    await reader.stop();
    await until(() => second.layer.relay.leads);
    expect([first, third].map(({ layer }) => [layer.relay.leads, layer.relay.follows])).toEqual([
      [false, false],
      [false, false],
    ]);
    await other.stop();
    await until(() => !second.layer.relay.leads);
    await until(async () => (await client.keys(`${log.keyPrefix}:*:leader`)).length === 0);
    await Promise.all([first, second, third].map(({ backend }) => backend.close()));
  }, 60_000);

  it('a log that is not this one any more has other keys, and nobody takes one for the other', async () => {
    const log = newLog();
    const { backend, layer } = await log.open({ pollMs: 20 });
    const reader = follow(backend.events);
    await until(() => layer.relay.leads);
    const { position: before } = await backend.events.append('s', events(100));
    await reader.until(before);
    const old = await log.key('tail');
    await until(async () => (await client.xlen(old)) === 100);
    // As a restored backup has: another identity, and fewer events.
    const direct = new Client({ connectionString: server.connectionString });
    await direct.connect();
    await direct.query(`UPDATE "${log.schema}".log_epoch SET epoch = epoch + 1`);
    await direct.end();
    await until(async () =>
      (await client.keys(`${log.keyPrefix}:*:leader`)).some((key) => key !== old.replace(/tail$/, 'leader')),
    );
    await until(() => layer.relay.leads);
    const { position: last } = await backend.events.append('s', events(10));
    await reader.until(last);
    await until(async () => (await client.keys(`${log.keyPrefix}:*:tail`)).length === 2);
    expect(await client.xlen(old)).toBe(100);
    expect(reader.positions).toEqual(await allPositions(backend.events));
    await reader.stop();
    await backend.close();
  }, 60_000);

  it('brings events to another process', async () => {
    const log = newLog();
    const { backend, layer } = await log.open();
    const reader = follow(backend.events);
    await until(() => layer.relay.leads);
    const child = spawn(
      process.execPath,
      [
        '--import',
        resolve(import.meta.dirname, '../support/from-source.mjs'),
        resolve(import.meta.dirname, 'following-process.ts'),
        JSON.stringify({
          connectionString: server.connectionString,
          schema: log.schema,
          redisUrl: redisServer.url,
          keyPrefix: log.keyPrefix,
        }),
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    const exited = once(child, 'exit');
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('follows');
    let last = 0n;
    for (let n = 0; n < 100; n++) ({ position: last } = await backend.events.append('s', events(3)));
    child.stdin.end(`${last}\n`);
    const { positions, received } = JSON.parse(String((await lines.next()).value)) as {
      readonly positions: readonly string[];
      readonly received: number;
    };
    await exited;
    expect(positions).toEqual((await allPositions(backend.events)).map(String));
    expect(received).toBeGreaterThan(250);
    await reader.stop();
    await backend.close();
  }, 60_000);
});
