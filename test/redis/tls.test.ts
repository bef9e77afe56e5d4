import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { redis, type RedisLayer, type RedisOptions } from '@tidemark/adapters/redis';
import { Redis } from 'ioredis';
import { selfSigned } from '../support/eventstoredb/self-signed.js';
import { startPostgres, type TestServer } from '../support/postgres-server.js';
import { startOwnRedis, type OwnTestRedis } from '../support/redis-server.js';
import { follow, until } from './following.js';

/** The rights that the documentation of `redis()` names. */
const documented =
  'resetkeys ~tidemark:* resetchannels -@all +xadd +xread +xrevrange +get +set +del +pexpire +eval +info +time +hset +hdel +hgetall +select +client|setname'.split(
    ' ',
  );

describe('Redis over TLS', () => {
  const certificate = selfSigned();
  let server: TestServer;
  let redisServer: OwnTestRedis;

  beforeAll(async () => {
    server = await startPostgres();
    redisServer = await startOwnRedis({}, certificate);
    const admin = new Redis(redisServer.url, { tls: { ca: certificate.cert } });
    await admin.call('ACL', 'SETUSER', 'tidemark', 'on', '>only-I-know', ...documented);
    admin.disconnect();
  }, 120_000);
  afterAll(async () => {
    await redisServer.close();
    await server.close();
  });

  const url = (): string => redisServer.url.replace('rediss://', 'rediss://tidemark:only-I-know@');
  const opened = async (schema: string, options: RedisOptions) => {
    const layer = redis(options);
    // Nothing comes by polling in the time of a test.
    const backend = postgres({
      connectionString: server.connectionString,
      schema,
      redis: layer,
      pollMs: 600_000,
    });
    await backend.open();
    return { layer, backend };
  };

  it('carries wake-ups, events, snapshots and heartbeats, for a user with the documented rights and no more', async () => {
    const schema = server.schema();
    const options = { connectionString: url(), tls: { ca: certificate.cert } };
    const one = await opened(schema, options);
    const two = await opened(schema, options);
    const both = [one, two];
    const follower = follow(two.backend.events);
    const also = follow(one.backend.events);
    await until(() => both.every(({ backend }) => backend.health?.().status === 'up'));
    const someone = (does: (layer: RedisLayer) => boolean) =>
      until(() => both.some(({ layer }) => does(layer)));
    await someone((layer) => layer.relay.leads);
    await someone((layer) => layer.relay.follows);
    let last = 0n;
    await until(async () => {
      ({ position: last } = await one.backend.events.append('a', [{ type: 'T', data: 1 }]));
      await two.backend.events.append('b', [{ type: 'T', data: 1 }]);
      return both.some(({ layer }) => layer.counters().received > 0);
    });
    await follower.until(last);
    await one.backend.snapshots.save({ stream: 'a', version: 0, schemaVersion: 1, state: { n: 1 } });
    expect(await two.backend.snapshots.load('a')).toMatchObject({ state: { n: 1 } });
    expect(await two.backend.snapshots.load('a')).toMatchObject({ state: { n: 1 } });
    await one.backend.nodes.announce({ id: 'n', name: 'n', startedAt: new Date() }, 60_000);
    await until(async () => (await two.backend.nodes.list()).some(({ id }) => id === 'n'));
    for (const { backend } of both) expect(backend.health?.()).toEqual({ status: 'up', reasons: [] });
    await Promise.all([follower.stop(), also.stop()]);
    await Promise.all(both.map(({ backend }) => backend.close()));
  });

  it.each([
    [
      'another authority',
      (): RedisOptions => ({ connectionString: url(), tls: { ca: selfSigned().cert } }),
      /certificate|signature/i,
    ],
    ['no authority', (): RedisOptions => ({ connectionString: url() }), /self-signed certificate/i],
    [
      'no TLS',
      (): RedisOptions => ({ connectionString: url().replace('rediss:', 'redis:'), commandTimeoutMs: 300 }),
      /does not serve/,
    ],
  ] as const)(
    'is away for who has %s: health says why, nothing secret is told, and all else goes on',
    async (_, options, reason) => {
      const layer = redis(options());
      const backend = postgres({
        connectionString: server.connectionString,
        schema: server.schema(),
        redis: layer,
        pollMs: 50,
      });
      await backend.open();
      const reasons = (): string => (backend.health?.().reasons ?? []).join(' ');
      await until(() => reason.test(reasons()));
      expect(backend.health?.().status).toBe('degraded');
      expect(reasons()).toMatch(/Redis at 127\.0\.0\.1:\d+ does not serve: /);
      expect(reasons()).not.toContain('only-I-know');
      const follower = follow(backend.events);
      await follower.until((await backend.events.append('a', [{ type: 'T', data: 1 }])).position);
      await follower.stop();
      await backend.close();
    },
  );
});
