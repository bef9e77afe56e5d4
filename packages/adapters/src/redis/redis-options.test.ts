import { describe, expect, it } from '@jest/globals';
import { ConfigurationError } from '@tidemark/core';
import { Cluster, Redis } from 'ioredis';
import { redisSettings, type RedisOptions } from './redis-options.js';

const clientOf = (options: RedisOptions): Redis => {
  const client = redisSettings(options).client(250);
  if (!(client instanceof Redis)) throw new Error('another kind of client');
  return client;
};

describe('options of redis()', () => {
  it('take a connection string', () => {
    const settings = redisSettings({ connectionString: 'redis://al%40ice:s3%3Acret@[::1]/2' });
    expect(settings).toMatchObject({
      server: '[::1]:6379',
      keyPrefix: 'tidemark',
      tailLength: 10_000,
      commandTimeoutMs: 1_000,
      secrets: ['s3:cret'],
    });
    expect(clientOf({ connectionString: 'redis://al%40ice:s3%3Acret@[::1]/2' }).options).toMatchObject({
      host: '::1',
      port: 6379,
      username: 'al@ice',
      password: 's3:cret',
      db: 2,
      commandTimeout: 250,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
    });
  });

  it.each([
    ['redis://h', undefined, undefined],
    ['rediss://h', undefined, {}],
    ['redis://h', true, {}],
    ['redis://h', { servername: 'x' }, { servername: 'x' }],
    ['rediss://h', false, undefined],
  ])('use TLS where they say so: %s, %j', (connectionString, tls, expected) => {
    expect(clientOf({ connectionString, tls }).options.tls).toEqual(expected);
  });

  it.each([
    'localhost:6379',
    'http://user:s3cret@host',
    'redis://user:s3cret@host/x',
    'redis://user:s3cret%@host',
    'redis://:s3cret@:1',
    '',
  ])('refuse %j without showing it', (connectionString) => {
    expect(() => redisSettings({ connectionString })).toThrow(ConfigurationError);
    expect(() => redisSettings({ connectionString })).not.toThrow('s3cret');
  });

  it('take a client as a pattern', () => {
    const client = new Redis({ host: 'h', password: 's3cret', lazyConnect: true, keyPrefix: 'other:' });
    expect(redisSettings({ client })).toMatchObject({ server: 'h:6379', secrets: ['s3cret'] });
    expect(clientOf({ client })).not.toBe(client);
    expect(clientOf({ client }).options).toMatchObject({
      host: 'h',
      password: 's3cret',
      keyPrefix: '',
      commandTimeout: 250,
    });
    const socket = new Redis({ path: '/run/redis.sock', lazyConnect: true });
    expect(redisSettings({ client: socket }).server).toBe('/run/redis.sock');
    const sentinels = new Redis({ sentinels: [{ host: 'a' }], name: 'm', lazyConnect: true });
    expect(redisSettings({ client: sentinels }).server).toBe('the sentinels');
  });

  it('take a cluster as a pattern', () => {
    const client = new Cluster([{ host: 'h', port: 7000 }], {
      lazyConnect: true,
      redisOptions: { password: 's3cret' },
    });
    const settings = redisSettings({ client });
    expect(settings).toMatchObject({ server: 'the cluster', secrets: ['s3cret'] });
    const own = settings.client(250);
    if (!(own instanceof Cluster)) throw new Error('another kind of client');
    expect(own.options.redisOptions).toMatchObject({ password: 's3cret', commandTimeout: 250 });
    expect(redisSettings({ client: new Cluster([], { lazyConnect: true }) }).secrets).toEqual(['']);
  });

  it.each<RedisOptions>([
    {},
    { connectionString: 'redis://h', client: new Redis({ lazyConnect: true }) },
    { connectionString: 'redis://h', keyPrefix: '' },
    { connectionString: 'redis://h', keyPrefix: '{a}' },
    { connectionString: 'redis://h', tailLength: 0 },
    { connectionString: 'redis://h', commandTimeoutMs: 1.5 },
  ])('refuse what makes no sense', (options) => {
    expect(() => redisSettings(options)).toThrow(ConfigurationError);
  });

  it('connect again and again, ever more slowly, and no less often than every second', () => {
    const { retryStrategy } = clientOf({ connectionString: 'redis://h' }).options;
    for (const attempt of [1, 2, 5, 20, 1_000]) {
      const pause = Number(retryStrategy?.(attempt));
      expect(pause).toBeGreaterThanOrEqual(25);
      expect(pause).toBeLessThanOrEqual(1_000);
    }
  });

  it('connect again where the server has become a replica', () => {
    const { reconnectOnError } = clientOf({ connectionString: 'redis://h' }).options;
    expect(reconnectOnError?.(new Error("READONLY You can't write against a read only replica."))).toBe(true);
    expect(reconnectOnError?.(new Error('OOM'))).toBe(false);
  });
});
