import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventStoreDb } from '@tidemark/adapters/eventstoredb';
import { memory, type Backend, type EventFilter, type RecordedEvent } from '@tidemark/core';
import { startTestEventStoreDb, type SteerableEventStoreDb } from '../support/eventstoredb/start.js';

/* What is asked of the server, as it arrives there, and what comes of it. */

let server: SteerableEventStoreDb;
let backend: Backend;
beforeEach(async () => {
  server = await startTestEventStoreDb();
  backend = eventStoreDb({ connectionString: server.connectionString, state: memory() });
  await backend.open();
});
afterEach(async () => {
  await backend.close();
  await server.close();
});

/** Everything that a subscription with this filter brings until it has caught up, and what the server was asked for by it. */
const subscribed = async (filter: EventFilter | undefined) => {
  const before = server.node.filters.length;
  const events: RecordedEvent[] = [];
  for await (const batch of backend.events.subscribe({ filter })) {
    events.push(...batch.events);
    if (batch.caughtUp) break;
  }
  // The one that brings no events only hears how far the log is.
  const asked = server.node.filters.slice(before).filter((rule) => rule?.prefixes[0] !== '$tidemark-nothing');
  return { found: events.map(({ stream, type }) => `${stream} ${type}`), asked };
};

describe('filters of subscriptions', () => {
  beforeEach(async () => {
    for (const [stream, type] of [
      ['order-1', 'Order'],
      ['order-1', 'Order.Placed'],
      ['user-1', 'User'],
      ['orders', 'OrderXPlaced'],
    ] as const) {
      await backend.events.append(stream, [{ type, data: {} }]);
    }
    await backend.events.setStreamMetadata('user-1', { maxCount: 5 });
    // What a projection of the server would write.
    const client = EventStoreDBClient.connectionString(server.connectionString);
    const link = { ...jsonEvent({ type: 'x', data: {} }), type: '$>', data: '0@order-1' };
    await client.appendToStream('$ce-order', jsonEvent({ type: '$of-a-projection', data: {} }));
    await client.appendToStream('links', link);
    await client.dispose();
  });

  it('without one, the server leaves out its own events, and links', async () => {
    const { found, asked } = await subscribed(undefined);
    expect(asked).toEqual([{ on: 'type', regex: '^[^$]', prefixes: [] }]);
    expect(found).toEqual(['order-1 Order', 'order-1 Order.Placed', 'user-1 User', 'orders OrderXPlaced']);
  });

  it('prefixes of streams are sent as such', async () => {
    const { found, asked } = await subscribed({ streamPrefixes: ['order-', 'user-'] });
    expect(asked).toEqual([{ on: 'streamId', regex: '', prefixes: ['order-', 'user-'] }]);
    expect(found).toEqual(['order-1 Order', 'order-1 Order.Placed', 'user-1 User']);
  });

  it('types are sent as a regular expression that takes nothing but these', async () => {
    const { found, asked } = await subscribed({ types: ['Order', 'Order.Placed', 'a\\(b)[c]'] });
    expect(asked).toEqual([
      { on: 'type', regex: '^(?:Order|Order\\.Placed|a\\\\\\(b\\)\\[c\\])$', prefixes: [] },
    ]);
    expect(found).toEqual(['order-1 Order', 'order-1 Order.Placed']);
  });

  it('of prefixes and types the server does the first, and the rest is done here', async () => {
    const both = await subscribed({ streamPrefixes: ['order'], types: ['Order', 'OrderXPlaced'] });
    expect(both.asked).toEqual([{ on: 'streamId', regex: '', prefixes: ['order'] }]);
    expect(both.found).toEqual(['order-1 Order', 'orders OrderXPlaced']);
    const rest = await subscribed({ metadata: { userId: 'nobody' } });
    expect(rest.asked).toEqual([{ on: 'type', regex: '^[^$]', prefixes: [] }]);
    expect(rest.found).toEqual([]);
  });

  it('the empty prefix takes all, and no prefix at all takes nothing', async () => {
    expect(await subscribed({ streamPrefixes: [''], types: ['User'] })).toMatchObject({
      found: ['user-1 User'],
      asked: [{ on: 'type', regex: '^(?:User)$' }],
    });
    expect((await subscribed({ streamPrefixes: [] })).found).toEqual([]);
    expect((await subscribed({ types: [] })).found).toEqual([]);
  });

  it('a long log is read with the server’s filter, too', async () => {
    const many = Array.from({ length: 900 }, () => ({ type: 'Noise', data: {} }));
    for (let n = 0; n < 3; n += 1) await backend.events.append('noise', many);
    await backend.events.append('order-1', [{ type: 'Order', data: {} }]);
    const before = server.node.filters.length;
    const found: RecordedEvent[] = [];
    for await (const batch of backend.events.readAll({ filter: { types: ['Order'] } })) found.push(...batch);
    expect(found).toHaveLength(2);
    expect(server.node.filters.slice(before)).toContainEqual({
      on: 'type',
      regex: '^(?:Order)$',
      prefixes: [],
    });
  });
});
