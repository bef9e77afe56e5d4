import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startOwnRedis, startRedis, type OwnTestRedis } from './redis-server.js';

describe('a Redis server for tests', () => {
  let server: OwnTestRedis;
  const use = async <Result>(work: (client: Redis) => Promise<Result>): Promise<Result> => {
    const client = new Redis(server.url);
    try {
      return await work(client);
    } finally {
      client.disconnect();
    }
  };

  beforeAll(async () => {
    server = await startOwnRedis();
  }, 120_000);
  afterAll(() => server.close());

  it('starts empty after it was killed', async () => {
    await use((client) => client.set('a', '1'));
    await server.kill();
    await server.start();
    expect(await use((client) => client.get('a'))).toBeNull();
  });

  it('starts with an old dump', async () => {
    await use((client) => client.set('a', 'old'));
    const dump = await server.keep();
    await use((client) => client.set('a', 'new'));
    await server.kill();
    await server.start(dump);
    expect(await use((client) => client.get('a'))).toBe('old');
  });

  it('is flushed, frozen and thawed', async () => {
    await use((client) => client.set('a', '1'));
    await server.flush();
    expect(await use((client) => client.dbsize())).toBe(0);
    await server.freeze();
    await use(async (client) => {
      let answered = false;
      const pong = client.ping().then(() => (answered = true));
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(answered).toBe(false);
      await server.thaw();
      await pong;
    });
  });

  it('a server that was given is left as it was', async () => {
    const before = process.env['REDIS_URL'];
    process.env['REDIS_URL'] = server.url;
    try {
      const given = await startRedis();
      await use((client) => client.mset('other', '1', `${given.prefix()}:x`, '1'));
      await given.close();
      expect(await use((client) => client.keys('*'))).toEqual(['other']);
    } finally {
      if (before === undefined) delete process.env['REDIS_URL'];
      else process.env['REDIS_URL'] = before;
    }
  });
});
