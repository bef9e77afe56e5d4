import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  CredentialsRefusedError,
  eventStoreDb,
  PermissionDeniedError,
  type EventStoreDbOptions,
} from '@tidemark/adapters/eventstoredb';
import {
  ConcurrencyError,
  ConfigurationError,
  InvalidArgumentError,
  memory,
  StoreUnavailableError,
  StreamTombstonedError,
  UnsupportedError,
  type Backend,
} from '@tidemark/core';
import { startTestEventStoreDb, type SteerableEventStoreDb } from '../support/eventstoredb/start.js';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const serverWith = async (
  options: Parameters<typeof startTestEventStoreDb>[0] = {},
): Promise<SteerableEventStoreDb> => {
  const server = await startTestEventStoreDb(options);
  closing.push(() => server.close());
  return server;
};

const open = async (options: Partial<EventStoreDbOptions>): Promise<Backend> => {
  const backend = eventStoreDb({ state: memory(), patienceMs: 200, ...options });
  await backend.open();
  closing.push(() => backend.close());
  return backend;
};

const event = { type: 'Counted', data: { n: 1 } };
const failureOf = async (attempt: () => Promise<unknown>): Promise<Error> => {
  try {
    await attempt();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it did not fail');
};

describe('bad input to the EventStoreDB backend', () => {
  it.each([
    ['another scheme', 'postgres://admin:s3cret@localhost', 'must start with esdb://'],
    ['no scheme', 'localhost:2113', 'must start with esdb://'],
    ['no host', 'esdb://', 'is not esdb://[user:password@]host'],
    ['an unknown setting', 'esdb://admin:s3cret@localhost?tlss=true', '"tlss" is no setting'],
    ['certificates unverified', 'esdb://admin:s3cret@localhost?tlsVerifyCert=false', 'tlsCAFile'],
    ['half an escape', 'esdb://admin:s3cret%@localhost', 'not percent-encoded'],
  ])(
    'a connection string with %s is refused before anything connects, without its password',
    (_, connectionString, message) => {
      const warn = jest.spyOn(console, 'warn');
      const make = (): Backend => eventStoreDb({ connectionString, state: memory() });
      expect(make).toThrow(ConfigurationError);
      expect(make).toThrow(message);
      expect(make).not.toThrow('s3cret');
      expect(warn).not.toHaveBeenCalled();
    },
  );

  it('settings that make no sense are refused', () => {
    const connectionString = 'esdb://localhost';
    const state = memory();
    expect(() => eventStoreDb({ state })).toThrow('either a connectionString or a client');
    expect(() => eventStoreDb({ connectionString, state, patienceMs: -1 })).toThrow('patienceMs');
    expect(() => eventStoreDb({ connectionString, state, maxAppendBytes: 0 })).toThrow('maxAppendBytes');
  });

  it('a certificate that is not there is said at the start', async () => {
    const error = await failureOf(() =>
      open({ connectionString: 'esdb://a:s3cret@localhost?tlsCAFile=/nowhere.crt' }),
    );
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain('certificate file');
    expect(error.message).not.toContain('s3cret');
  });

  it('a server that refuses the connection is said at the start', async () => {
    const server = await startTestEventStoreDb();
    await server.close();
    const error = await failureOf(() => open({ connectionString: server.connectionString }));
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error.message).toContain(`127.0.0.1:${server.node.port}`);
  });

  it('wrong credentials, and a missing right, are told apart', async () => {
    const server = await serverWith({
      secure: true,
      users: [{ name: 'reader', password: 'p4ssword', groups: [] }],
    });
    const credentials = { username: 'admin', password: 'wr0ng' };
    const refused = await failureOf(() => open({ connectionString: server.connectionString, credentials }));
    expect(refused).toBeInstanceOf(CredentialsRefusedError);
    expect(refused.message).not.toContain('wr0ng');
    const reader = { username: 'reader', password: 'p4ssword' };
    const denied = await failureOf(() =>
      open({ connectionString: server.connectionString, credentials: reader }),
    );
    expect(denied).toBeInstanceOf(PermissionDeniedError);
    expect(denied.message).toContain('denied reading the whole log');
    const { events } = await open({ connectionString: server.connectionString });
    await events.append('kept', [event]);
    await events.setStreamMetadata('kept', { acl: { $w: ['$admins'], $r: ['$admins'] } });
    expect(await events.streamVersion('kept')).toBe(0);
  });

  it('an event and an append that are too large are refused before they are sent, and by the server’s limit', async () => {
    const server = await serverWith({ maxAppendSize: 5_000 });
    const { events } = await open({ connectionString: server.connectionString, maxAppendBytes: 10_000 });
    const sized = (bytes: number) => ({ type: 'Large', data: 'x'.repeat(bytes) });
    const single = await failureOf(() => events.append('a', [event, sized(20_000)]));
    expect(single).toBeInstanceOf(InvalidArgumentError);
    expect(single.message).toContain('events[1] has 2000');
    const together = await failureOf(() => events.append('a', [sized(4_000), sized(4_000), sized(4_000)]));
    expect(together).toBeInstanceOf(InvalidArgumentError);
    expect(together.message).toContain('Append fewer at a time');
    expect(await failureOf(() => events.append('a', [sized(8_000)]))).toBeInstanceOf(InvalidArgumentError);
    expect(await events.streamVersion('a')).toBeUndefined();
    expect(events.capabilities).toMatchObject({ maxEventBytes: 10_000, maxAppendBytes: 10_000 });
  });

  it('what the server keeps for itself, and what it cannot do, is refused', async () => {
    const { events, transaction } = await open({ connectionString: (await serverWith()).connectionString });
    const failure = await failureOf(() => events.append('a', [{ type: '$metadata', data: 1 }]));
    expect(failure).toBeInstanceOf(InvalidArgumentError);
    await expect(events.setStreamMetadata('a', { custom: { $maxCount: 1 } })).rejects.toThrow(
      InvalidArgumentError,
    );
    await expect(
      events.appendAll([
        { stream: 'a', events: [event] },
        { stream: 'b', events: [event] },
      ]),
    ).rejects.toThrow(UnsupportedError);
    expect(transaction).toBeDefined();
  });

  it('unknown, deleted and tombstoned streams, and conflicts, are told as everywhere', async () => {
    const { events } = await open({ connectionString: (await serverWith()).connectionString });
    expect(await events.streamVersion('unknown')).toBeUndefined();
    await events.append('a', [event]);
    await expect(events.append('a', [event], { expectedVersion: 7 })).rejects.toMatchObject({ actual: 0 });
    await events.deleteStream('a');
    await expect(events.append('a', [event], { expectedVersion: 0 })).rejects.toThrow(ConcurrencyError);
    await events.tombstoneStream('a');
    await expect(events.append('a', [event])).rejects.toThrow(StreamTombstonedError);
  });
});
