import { setTimeout as wait } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { redis, type RedisLayer } from '@tidemark/adapters/redis';
import type { Backend } from '@tidemark/core';
import { Redis } from 'ioredis';
import { underLoad } from '../postgres/load.js';
import { startOwnPostgres, type TestServer } from '../support/postgres-server.js';
import { startOwnRedis, type OwnTestRedis } from '../support/redis-server.js';
import { allPositions, follow, until } from './following.js';

const nothingWrong = { failed: 0, lost: [], halves: [], missed: 0, disordered: 0, elsewhere: 'the same' };
/** How long Redis hangs in the test of it, in milliseconds. */
const freezeMs = Number(process.env['REDIS_FREEZE_MS'] ?? 10_000);

interface Rig {
  /** Two backends on one log, each with its own connections. */
  readonly backends: readonly [Backend, Backend];
  readonly layers: readonly [RedisLayer, RedisLayer];
  readonly client: Redis;
  /** Waits until so many more appends were acknowledged. */
  more(appends: number): Promise<void>;
  /** Waits until both say so. */
  untilHealth(status: 'up' | 'degraded'): Promise<void>;
  keys(name: string): Promise<readonly string[]>;
}

describe('faults of Redis', () => {
  let server: TestServer;
  let redisServer: OwnTestRedis;

  beforeAll(async () => {
    server = await startOwnPostgres();
    redisServer = await startOwnRedis();
  }, 120_000);
  afterAll(async () => {
    await redisServer.close();
    await server.close();
  });

  // Empty, and running, whatever the test before has left.
  beforeEach(async () => {
    await redisServer.kill();
    await redisServer.start();
  });

  /** Two processes' worth of writers and readers go on while `act` does what it does; says what came of it. */
  const during = async (act: (rig: Rig) => Promise<void>, url = redisServer.url) => {
    const schema = server.schema();
    const keyPrefix = redisServer.prefix();
    const layer = (): RedisLayer => redis({ connectionString: url, keyPrefix, commandTimeoutMs: 300 });
    const open = async (live: RedisLayer): Promise<Backend> => {
      const backend = postgres({ connectionString: server.connectionString, schema, redis: live });
      await backend.open();
      return backend;
    };
    const layers = [layer(), layer()] as const;
    const backends = [await open(layers[0]), await open(layers[1])] as const;
    const client = new Redis(redisServer.url, { retryStrategy: () => 50 });
    client.on('error', () => undefined);
    const other = follow(backends[1].events);
    const result = await underLoad(backends[0].events, 5, (progress) => {
      const rig: Rig = {
        backends,
        layers,
        client,
        async more(appends) {
          const enough = progress() + appends;
          await until(() => progress() >= enough);
        },
        untilHealth: (status) =>
          until(() => backends.every((backend) => backend.health?.().status === status)),
        keys: (name) => client.keys(`${keyPrefix}:*:${name}`),
      };
      return act(rig);
    }).finally(() => client.disconnect());
    const positions = await allPositions(backends[0].events);
    await other.until(positions.at(-1) ?? 0n);
    await other.stop();
    await Promise.all(backends.map((backend) => backend.close()));
    expect(result.acknowledged).toBeGreaterThan(0);
    return {
      ...result,
      elsewhere: isDeepStrictEqual(other.positions, positions) ? 'the same' : 'not the same',
    };
  };

  it('without any: events go by Redis, and health is up', async () => {
    const outcome = await during(async ({ more, untilHealth, layers }) => {
      await untilHealth('up');
      await until(() => layers.some((layer) => layer.relay.leads));
      await until(() => layers.some((layer) => layer.relay.follows));
      await more(300);
      await until(() => layers.some((layer) => layer.counters().received > 0));
      expect(layers.filter((layer) => layer.relay.leads)).toHaveLength(1);
    });
    expect(outcome).toMatchObject(nothingWrong);
  }, 60_000);

  it('missing at the start, and coming later', async () => {
    await redisServer.kill();
    const outcome = await during(async ({ more, untilHealth, backends }) => {
      await more(50);
      await untilHealth('degraded');
      expect(backends[0].health?.().reasons.join()).toMatch(/Redis at 127\.0\.0\.1:\d+ .*ECONNREFUSED/);
      await redisServer.start();
      await untilHealth('up');
      await more(50);
    });
    expect(outcome).toMatchObject(nothingWrong);
  }, 60_000);

  it('FLUSHALL, again and again', async () => {
    const outcome = await during(async ({ more, untilHealth }) => {
      for (let round = 0; round < 20; round++) {
        await more(30);
        await redisServer.flush();
      }
      await untilHealth('up');
    });
    expect(outcome).toMatchObject(nothingWrong);
  }, 60_000);

  it('kill -9, and a start with nothing', async () => {
    const outcome = await during(async ({ more, untilHealth }) => {
      for (let round = 0; round < 3; round++) {
        await untilHealth('up');
        await more(50);
        await redisServer.kill();
        await untilHealth('degraded');
        await more(50);
        await redisServer.start();
      }
      await untilHealth('up');
      await more(50);
    });
    expect(outcome).toMatchObject(nothingWrong);
  }, 60_000);

  it('kill -9, and a start with an old dump', async () => {
    const outcome = await during(async ({ more, untilHealth, keys }) => {
      await untilHealth('up');
      await more(100);
      await until(async () => (await keys('tail')).length > 0);
      const dump = await redisServer.keep();
      await more(100);
      await redisServer.kill();
      await more(100);
      await redisServer.start(dump);
      await untilHealth('up');
      await more(100);
    });
    expect(outcome).toMatchObject(nothingWrong);
  }, 60_000);

  it(`frozen for ${freezeMs} ms, twice`, async () => {
    const outcome = await during(async ({ more, untilHealth }) => {
      for (let round = 0; round < 2; round++) {
        await untilHealth('up');
        await more(50);
        await redisServer.freeze();
        await Promise.all([wait(freezeMs), untilHealth('degraded')]);
        await more(50);
        await redisServer.thaw();
        await untilHealth('up');
        await more(50);
      }
    });
    expect(outcome).toMatchObject(nothingWrong);
  }, 120_000);

  it('connections cut, again and again', async () => {
    const outcome = await during(async ({ more, untilHealth, client, layers }) => {
      await untilHealth('up');
      for (let round = 0; round < 10; round++) {
        await more(30);
        await client.client('KILL', 'TYPE', 'NORMAL');
      }
      await untilHealth('up');
      expect(layers.reduce((sum, layer) => sum + layer.counters().reconnects, 0)).toBeGreaterThan(0);
    });
    expect(outcome).toMatchObject(nothingWrong);
  }, 60_000);

  it('a wrong password: the reason is named, and nothing secret', async () => {
    const wrong = redisServer.url.replace('redis://', 'redis://someone:only-I-know@');
    const outcome = await during(async ({ more, untilHealth, backends }) => {
      await untilHealth('degraded');
      await until(() => backends[0].health?.().reasons.join().includes('WRONGPASS') === true);
      await more(100);
      expect(JSON.stringify(backends.map((backend) => backend.health?.()))).not.toContain('only-I-know');
    }, wrong);
    expect(outcome).toMatchObject(nothingWrong);
  }, 60_000);

  it.each(['tail', 'wake-ups', 'leader', 'nodes'])(
    'other data under the key of the %s',
    async (name) => {
      const outcome = await during(async ({ more, untilHealth, client, keys }) => {
        await untilHealth('up');
        await until(async () => (await keys('tail')).length > 0);
        const [tail = ''] = await keys('tail');
        const key = tail.replace(/tail$/, name);
        await client.multi().del(key).sadd(key, 'something else').exec();
        if (name !== 'nodes') await untilHealth('degraded');
        await more(100);
        expect(await client.type(key)).toBe('set');
        await client.del(key);
        await more(100);
        await untilHealth('up');
      });
      expect(outcome).toMatchObject(nothingWrong);
    },
    60_000,
  );

  it('a tail of what was never in this log', async () => {
    const outcome = await during(async ({ more, untilHealth, client, keys, layers }) => {
      await untilHealth('up');
      await until(async () => (await keys('tail')).length > 0);
      const [tail = ''] = await keys('tail');
      await client.xadd(tail, '9000000000-0', 'p', '8999999999', 'n', '1', '0', '9000000000');
      await client.xadd(tail, '9000000001-0', 'nonsense', 'x');
      await more(100);
      await until(() => layers.some((layer) => layer.counters().cleared > 0));
      const received = (): number => layers.reduce((sum, layer) => sum + layer.counters().received, 0);
      const before = received();
      await more(100);
      await until(() => received() > before + 50);
      await untilHealth('up');
    });
    expect(outcome).toMatchObject(nothingWrong);
  }, 60_000);
});
