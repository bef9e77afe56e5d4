import { once } from 'node:events';
import {
  AccessDeniedError,
  DeadlineExceededError,
  EventStoreDBClient,
  jsonEvent,
  NotLeaderError,
  UnavailableError,
} from '@eventstore/db-client';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type StartOptions,
  type SteerableEventStoreDb,
  startTestEventStoreDb,
} from '../support/eventstoredb/start.js';

/* What the test server can be made to do, as the true client sees it. */

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const start = async (options: StartOptions = {}): Promise<SteerableEventStoreDb> => {
  const server = await startTestEventStoreDb(options);
  ends.push(() => server.close());
  return server;
};

const connect = (connectionString: string): EventStoreDBClient => {
  const client = EventStoreDBClient.connectionString(connectionString);
  ends.push(() => client.dispose());
  return client;
};

const event = () => jsonEvent({ type: 'happened', data: {} });

const revisionsOf = async (client: EventStoreDBClient, stream: string): Promise<bigint[]> => {
  const found: bigint[] = [];
  for await (const { event: read } of client.readStream(stream)) if (read) found.push(read.revision);
  return found;
};

const thrown = async (action: Promise<unknown>): Promise<unknown> => {
  try {
    await action;
  } catch (error) {
    return error;
  }
  throw new Error('It was to fail.');
};

describe('faults of appends', () => {
  it.each(['unavailable', 'drop'] as const)('%s: nothing is written, and the next one is', async (kind) => {
    const { node, connectionString } = await start();
    const client = connect(connectionString);
    node.faults.next('append', { kind });
    expect(await thrown(client.appendToStream('s', event()))).toBeInstanceOf(UnavailableError);
    await client.appendToStream('s', event());
    expect(await revisionsOf(client, 's')).toEqual([0n]);
    expect(node.faults.taken('append')).toBe(1);
  });

  it('lose-answer: it is written, and written once when it is sent again', async () => {
    const { node, connectionString } = await start();
    const client = connect(connectionString);
    const lost = event();
    node.faults.next('append', { kind: 'lose-answer' });
    expect(await thrown(client.appendToStream('s', lost))).toBeInstanceOf(UnavailableError);
    const again = await client.appendToStream('s', lost, { expectedRevision: 'no_stream' });
    expect(again.nextExpectedRevision).toBe(0n);
    expect(await revisionsOf(client, 's')).toEqual([0n]);
  });

  it('deadline, not-leader and a delay', async () => {
    const { node, connectionString } = await start();
    const client = connect(connectionString);
    node.faults.next('append', { kind: 'deadline' });
    expect(await thrown(client.appendToStream('s', event()))).toBeInstanceOf(DeadlineExceededError);
    node.faults.next('append', { kind: 'delay', ms: 20 });
    await client.appendToStream('s', event());
    node.faults.next('append', { kind: 'not-leader', host: '127.0.0.1', port: node.port });
    const error = await thrown(client.appendToStream('s', event()));
    expect(error).toBeInstanceOf(NotLeaderError);
    expect(error).toMatchObject({ leader: { address: '127.0.0.1', port: node.port } });
    await client.appendToStream('s', event());
    expect(await revisionsOf(client, 's')).toEqual([0n, 1n]);
  });
});

describe('faults of reads and subscriptions', () => {
  it.each(['drop-after', 'end-after'] as const)('%s: in the middle', async (kind) => {
    const { node, connectionString } = await start();
    const client = connect(connectionString);
    await client.appendToStream('s', [event(), event(), event()]);
    node.faults.next('read', { kind, messages: 2 });
    expect(await thrown(revisionsOf(client, 's'))).toBeInstanceOf(UnavailableError);
    node.faults.next('subscribe', { kind, messages: 2 });
    const subscription = client.subscribeToStream('s');
    const error = await new Promise((resolve) => subscription.once('error', resolve));
    expect(error).toBeInstanceOf(UnavailableError);
    expect(await revisionsOf(client, 's')).toEqual([0n, 1n, 2n]);
  });

  it('a subscription falls behind and catches up', async () => {
    const { node, connectionString } = await start();
    const client = connect(connectionString);
    await client.appendToStream('s', event());
    for (const subscription of [client.subscribeToAll(), client.subscribeToStream('s')]) {
      subscription.on('data', () => {});
      await once(subscription, 'caughtUp');
      const again = once(subscription, 'fellBehind').then(() => once(subscription, 'caughtUp'));
      node.fallBehind();
      expect(await again).toEqual([]);
    }
  });
});

it('a server that is stopped and started again is on the same port with the same log', async () => {
  const { node, connectionString } = await start();
  const client = connect(connectionString);
  await client.appendToStream('s', event());
  const { port } = node;
  await node.stop();
  expect(await thrown(client.appendToStream('s', event()))).toBeInstanceOf(UnavailableError);
  await node.start();
  expect(node.port).toBe(port);
  const other = connect(connectionString);
  await other.appendToStream('s', event());
  expect(await revisionsOf(other, 's')).toEqual([0n, 1n]);
});

it('a cluster is discovered by gossip, and goes on without its leader', async () => {
  const server = await start({ nodes: 2 });
  const [leader, follower] = server.nodes;
  if (leader === undefined || follower === undefined) throw new Error('There are two nodes.');
  const direct = connect(server.connectionStringOf(follower));
  const refused = await thrown(direct.appendToStream('s', event(), { requiresLeader: true }));
  expect(refused).toMatchObject({ leader: { port: leader.port } });
  const client = connect(server.connectionString);
  await client.appendToStream('s', event(), { requiresLeader: true });
  await server.lose(leader);
  expect(await thrown(client.appendToStream('s', event()))).toBeInstanceOf(UnavailableError);
  await client.appendToStream('s', event(), { requiresLeader: true });
  expect(await revisionsOf(client, 's')).toEqual([0n, 1n]);
});

describe('users, over TLS', () => {
  it('may do what they may, and are refused with a wrong password', async () => {
    const users = [{ name: 'guest', password: 'guest', groups: [] }];
    const { connectionString } = await start({ secure: true, users });
    const admin = connect(connectionString);
    await admin.appendToStream('s', event());
    await admin.setStreamMetadata('s', { acl: { writeRoles: ['$admins'], readRoles: ['guest'] } });
    const guest = connect(connectionString.replace('admin:changeit', 'guest:guest'));
    expect(await revisionsOf(guest, 's')).toEqual([0n]);
    expect(await thrown(guest.appendToStream('s', event()))).toBeInstanceOf(AccessDeniedError);
    expect(await thrown(guest.deletePersistentSubscriptionToStream('s', 'g'))).toBeInstanceOf(
      AccessDeniedError,
    );
    const wrong = connect(connectionString.replace('admin:changeit', 'admin:wrong'));
    expect(await thrown(revisionsOf(wrong, 's'))).toBeInstanceOf(AccessDeniedError);
    const nobody = connect(connectionString.replace('admin:changeit@', ''));
    expect(await thrown(revisionsOf(nobody, 's'))).toBeInstanceOf(AccessDeniedError);
  });
});
