import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { redis, type RedisLayer, type RedisOptions } from '@tidemark/adapters/redis';
import { ConfigurationError } from '@tidemark/core';
import type { Backend } from '@tidemark/core';
import { Cluster, Redis } from 'ioredis';
import { startOwnPostgres, type TestServer } from '../support/postgres-server.js';
import { startOwnRedis, type OwnTestRedis } from '../support/redis-server.js';
import { allPositions, follow, until } from './following.js';

describe('Redis beside PostgreSQL', () => {
  let server: TestServer;
  let redisServer: OwnTestRedis;
  let client: Redis;
  const opened: Backend[] = [];

  beforeAll(async () => {
    server = await startOwnPostgres();
    redisServer = await startOwnRedis();
    client = new Redis(redisServer.url, { retryStrategy: () => 20 });
    client.on('error', () => undefined);
  }, 120_000);
  afterAll(async () => {
    client.disconnect();
    await redisServer.close();
    await server.close();
  });
  beforeEach(async () => {
    await Promise.all(opened.splice(0).map((backend) => backend.close()));
    await redisServer.kill();
    await redisServer.start();
  });

  interface Opened {
    readonly backend: Backend;
    readonly layer: RedisLayer;
  }

  const openWith = async (schema: string, options: RedisOptions): Promise<Opened> => {
    const layer = redis({ commandTimeoutMs: 300, ...options });
    const backend = postgres({ connectionString: server.connectionString, schema, redis: layer });
    await backend.open();
    opened.push(backend);
    return { backend, layer };
  };
  const open = async (schema: string): Promise<Opened> => {
    const result = await openWith(schema, { connectionString: redisServer.url });
    await until(() => result.backend.health?.().status === 'up');
    return result;
  };

  const snapshot = (version: number) => ({
    stream: 'account-1',
    version,
    schemaVersion: 1,
    state: { balance: version, text: 'a\u0000\ud800' },
  });

  describe('snapshots', () => {
    it('are read once from PostgreSQL, and each reader gets its own', async () => {
      const { backend, layer } = await open(server.schema());
      await backend.snapshots.save(snapshot(3));
      const first = await backend.snapshots.load('account-1');
      await until(async () => (await client.keys('*:snapshot:account-1')).length === 1);
      await until(async () => {
        await backend.snapshots.load('account-1');
        return layer.counters().snapshotHits > 0;
      });
      const second = await backend.snapshots.load('account-1');
      expect([first, second]).toEqual([snapshot(3), snapshot(3)]);
      expect(second?.state).not.toBe(first?.state);
      const [key = ''] = await client.keys('*:snapshot:account-1');
      expect(await client.pttl(key)).toBeGreaterThan(0);
    });

    it('that are not there are remembered, too, until they are', async () => {
      const { backend, layer } = await open(server.schema());
      await until(async () => {
        expect(await backend.snapshots.load('account-1')).toBeUndefined();
        return layer.counters().snapshotHits > 0;
      });
      await backend.snapshots.save(snapshot(1));
      expect(await backend.snapshots.load('account-1')).toEqual(snapshot(1));
    });

    it('never come back once they were deleted, whoever fills the cache meanwhile', async () => {
      const schema = server.schema();
      const [one, two] = [await open(schema), await open(schema)];
      for (let round = 0; round < 100; round++) {
        await one.backend.snapshots.save(snapshot(round));
        await Promise.all([
          two.backend.snapshots.load('account-1'),
          one.backend.snapshots.delete('account-1'),
          two.backend.snapshots.load('account-1'),
        ]);
        expect(await two.backend.snapshots.load('account-1')).toBeUndefined();
      }
    });

    it('deleted while Redis was away are gone when it is back, and in an old dump', async () => {
      const schema = server.schema();
      const [one, two] = [await open(schema), await open(schema)];
      await one.backend.snapshots.save(snapshot(1));
      await until(async () => {
        await two.backend.snapshots.load('account-1');
        return two.layer.counters().snapshotHits > 0;
      });
      const dump = await redisServer.keep();
      await redisServer.kill();
      await until(() => one.backend.health?.().status === 'degraded');
      expect(await two.backend.snapshots.load('account-1')).toEqual(snapshot(1));
      await one.backend.snapshots.delete('account-1');
      await redisServer.start(dump);
      await until(() => [one, two].every(({ backend }) => backend.health?.().status === 'up'));
      expect(await one.backend.snapshots.load('account-1')).toBeUndefined();
      expect(await two.backend.snapshots.load('account-1')).toBeUndefined();
    });

    it('in an old dump, deleted with Redis there, stay deleted', async () => {
      const { backend, layer } = await open(server.schema());
      await backend.snapshots.save(snapshot(1));
      await until(async () => {
        await backend.snapshots.load('account-1');
        return layer.counters().snapshotHits > 0;
      });
      const dump = await redisServer.keep();
      await backend.snapshots.delete('account-1');
      await redisServer.kill();
      await until(() => backend.health?.().status === 'degraded');
      await redisServer.start(dump);
      await until(() => backend.health?.().status === 'up');
      expect(await client.keys('*:snapshot:account-1')).toHaveLength(1);
      expect(await backend.snapshots.load('account-1')).toBeUndefined();
    });

    it('deleted while this process alone was cut off from Redis are gone for the others', async () => {
      const schema = server.schema();
      const two = await open(schema);
      const one = await openWith(schema, { connectionString: 'redis://127.0.0.1:1' });
      await two.backend.snapshots.save(snapshot(1));
      await until(async () => {
        await two.backend.snapshots.load('account-1');
        return two.layer.counters().snapshotHits > 0;
      });
      await one.backend.snapshots.delete('account-1');
      await until(async () => (await two.backend.snapshots.load('account-1')) === undefined);
      expect(await two.backend.snapshots.load('account-1')).toBeUndefined();
    });

    it('of other kinds under their key count as none', async () => {
      const { backend } = await open(server.schema());
      await backend.snapshots.save(snapshot(1));
      await backend.snapshots.load('account-1');
      await until(async () => (await client.keys('*:snapshot:account-1')).length === 1);
      const [key = ''] = await client.keys('*:snapshot:account-1');
      await client.multi().del(key).sadd(key, 'x').exec();
      expect(await backend.snapshots.load('account-1')).toEqual(snapshot(1));
    });
  });

  describe('nodes', () => {
    const node = (id: string) => ({ id, name: id, startedAt: new Date(0) });
    const ids = async ({ backend }: Opened): Promise<readonly string[]> =>
      (await backend.nodes.list()).map(({ id }) => id);

    it('that fall silent are off the list long before PostgreSQL forgets them', async () => {
      const schema = server.schema();
      const [one, two] = [await open(schema), await open(schema)];
      await one.backend.nodes.announce(node('one'), 600_000);
      await two.backend.nodes.announce(node('two'), 600_000);
      await until(async () => (await ids(one)).length === 2);
      // As a process that has died: it gives no more signs, and has not withdrawn.
      await two.layer.close();
      await until(async () => (await ids(one)).length < 2);
      expect(await ids(one)).toEqual(['one']);
    });

    it('are still listed after Redis was emptied, and started with an old dump', async () => {
      const schema = server.schema();
      const one = await open(schema);
      await one.backend.nodes.announce(node('one'), 600_000);
      const dump = await redisServer.keep();
      for (const start of [() => redisServer.start(), () => redisServer.start(dump)]) {
        await redisServer.kill();
        expect(await ids(one)).toEqual(['one']);
        await start();
        expect(await ids(one)).toEqual(['one']);
        await until(() => one.backend.health?.().status === 'up');
        expect(await ids(one)).toEqual(['one']);
      }
      await redisServer.flush();
      expect(await ids(one)).toEqual(['one']);
    });

    it('withdraw, and give no more signs then', async () => {
      const one = await open(server.schema());
      await one.backend.nodes.announce(node('one'), 600_000);
      const [key = ''] = await client.keys('*:nodes');
      expect(await client.hkeys(key)).toEqual(['one']);
      await one.backend.nodes.withdraw('one');
      expect(await ids(one)).toEqual([]);
      expect(await client.hkeys(key)).toEqual([]);
    });
  });

  /** Whether everything that goes by Redis does, and nothing is refused. */
  const worksWholly = async (options: RedisOptions): Promise<void> => {
    const schema = server.schema();
    const [one, two] = [await openWith(schema, options), await openWith(schema, options)];
    const readers = [follow(one.backend.events), follow(two.backend.events)];
    await until(() => one.layer.relay.leads !== two.layer.relay.leads);
    await until(() => one.layer.relay.follows || two.layer.relay.follows);
    let last = 0n;
    for (let n = 0; n < 50; n++) {
      ({ position: last } = await one.backend.events.append('s', [{ type: 'T', data: n }]));
    }
    await Promise.all(readers.map((reader) => reader.until(last)));
    const positions = await allPositions(one.backend.events);
    expect(readers.map((reader) => reader.positions)).toEqual([positions, positions]);
    await until(() => one.layer.counters().received + two.layer.counters().received > 0);
    await one.backend.snapshots.save(snapshot(1));
    await until(async () => {
      await two.backend.snapshots.load('account-1');
      return two.layer.counters().snapshotHits > 0;
    });
    await one.backend.nodes.announce({ id: 'one', name: 'one', startedAt: new Date(0) }, 60_000);
    expect(await two.backend.nodes.list()).toHaveLength(1);
    await one.backend.nodes.withdraw('one');
    // So that each has renewed its leadership, and handed it over.
    await readers[one.layer.relay.leads ? 0 : 1]?.stop();
    await until(() => [one, two].some(({ layer }) => layer.relay.leads));
    await Promise.all(readers.map((reader) => reader.stop()));
    for (const { backend, layer } of [one, two]) {
      expect(backend.health?.()).toEqual({ status: 'up', reasons: [] });
      expect(layer.counters().errors).toBe(0);
    }
  };

  it('needs no more rights than it says', async () => {
    const rights =
      'on >s3c:ret resetkeys ~tidemark:* resetchannels -@all +xadd +xread +xrevrange +get +set +del +pexpire +eval +info ' +
      '+time +hset +hdel +hgetall +select +client|setname';
    await client.acl('SETUSER', 'tidemark', ...rights.split(' '));
    await worksWholly({
      connectionString: redisServer.url.replace('redis://', 'redis://tidemark:s3c%3Aret@').concat('/0'),
    });
    const denied = await client.acl('LOG');
    expect(denied).toEqual([]);
  }, 60_000);

  it('works on a cluster, with all keys of a log on one node', async () => {
    const node = await startOwnRedis({ 'cluster-enabled': 'yes', 'cluster-announce-ip': '127.0.0.1' });
    const direct = new Redis(node.url);
    await direct.cluster('ADDSLOTSRANGE', 0, 16_383);
    await until(async () => (await direct.cluster('INFO')).includes('cluster_state:ok'));
    const cluster = new Cluster([{ host: '127.0.0.1', port: node.port }], { lazyConnect: true });
    try {
      await worksWholly({ client: cluster });
      const keys = await direct.keys('*');
      const slots = await Promise.all(keys.map((key) => direct.cluster('KEYSLOT', key)));
      expect(new Set(slots).size).toBe(1);
    } finally {
      await Promise.all(opened.splice(0).map((backend) => backend.close()));
      cluster.disconnect();
      direct.disconnect();
      await node.close();
    }
  }, 60_000);

  it('is one for each backend', async () => {
    const layer = redis(redisServer.url);
    const options = { connectionString: server.connectionString, redis: layer };
    const first = postgres({ ...options, schema: server.schema() });
    const second = postgres({ ...options, schema: server.schema() });
    await first.open();
    await expect(second.open()).rejects.toThrow(ConfigurationError);
    await until(() => first.health?.().status === 'up');
    await first.close();
    await second.open();
    await second.close();
  });
});
