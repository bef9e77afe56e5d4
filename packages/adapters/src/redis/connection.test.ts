import { describe, expect, it } from '@jest/globals';
import { FakeClient, fakeConnection } from './fake-redis.test-support.js';
import { Connection, messageOf } from './connection.js';
import { noCounts } from './counters.js';

describe('a connection to Redis', () => {
  it('sends nothing before it is open, and after it is closed', async () => {
    const client = new FakeClient(async () => 'PONG');
    const connection = new Connection({ client: () => client, counters: noCounts(), secrets: [] });
    const ping = (): Promise<unknown> => connection.attempt('ping', (redis) => redis.call('PING', []));
    expect(await ping()).toBeUndefined();
    connection.open();
    connection.open();
    expect(await ping()).toEqual({ result: 'PONG' });
    connection.close();
    expect(client.disconnects).toEqual([false]);
    client.emit('error', new Error('late'));
    client.emit('close');
    expect(await ping()).toBeUndefined();
    expect(connection.troubles).toEqual([]);
  });

  it('says what a kind of work failed with, until it succeeds', async () => {
    let fails = true;
    const { connection, counters } = fakeConnection(async () => {
      if (fails) throw new Error('WRONGTYPE Operation against a key');
    });
    await connection.attempt('tail', (redis) => redis.call('XADD', []));
    await connection.attempt('nodes', async () => 1);
    expect(connection.troubles).toEqual(['WRONGTYPE Operation against a key (tail)']);
    expect(counters.errors).toBe(1);
    fails = false;
    await connection.attempt('tail', (redis) => redis.call('XADD', []));
    expect(connection.troubles).toEqual([]);
  });

  it('is ended by a command that is not answered', async () => {
    const { connection, client } = fakeConnection(async () => {
      throw new Error('Command timed out');
    });
    expect(await connection.attempt('tail', (redis) => redis.call('XADD', []))).toBeUndefined();
    expect(client.disconnects).toEqual([true]);
    expect(connection.troubles).toEqual(['Command timed out']);
    client.emit('ready');
    expect(connection.troubles).toEqual([]);
  });

  it('counts when it was made anew, and says that it was lost', () => {
    const { connection, client, counters } = fakeConnection(async () => undefined);
    client.emit('ready');
    client.emit('close');
    expect(connection.troubles).toEqual(['the connection was lost']);
    client.emit('error', new Error('connect ECONNREFUSED'));
    client.emit('close');
    expect(connection.troubles).toEqual(['connect ECONNREFUSED']);
    client.emit('ready');
    expect(connection.troubles).toEqual([]);
    expect(counters.reconnects).toBeGreaterThan(0);
  });

  it('says nothing that is secret', () => {
    expect(messageOf(new Error('AUTH alice s3cret failed'), ['', 's3cret'])).toBe('AUTH alice … failed');
    expect(messageOf(Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' }), [])).toBe(
      'ECONNREFUSED',
    );
    expect(messageOf('s3cret', ['s3cret'])).toBe('unknown error');
  });
});
