import { randomUUID } from 'node:crypto';
import { type EventEmitter, once } from 'node:events';
import {
  type AllStreamRecordedEvent,
  BACKWARDS,
  END,
  type EventStoreDBClient as Client,
  EventStoreDBClient,
  eventTypeFilter,
  excludeSystemEvents,
  FORWARDS,
  jsonEvent,
  MaxAppendSizeExceededError,
  START,
  StreamDeletedError,
  type StreamMetadata,
  streamNameFilter,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EventStoreDb, startEventStoreDb } from '../support/eventstoredb/start.js';
import { until } from '../support/until.js';

/*
 * What a client sees of EventStoreDB. Against the protocol test server, or, with EVENTSTOREDB_URL,
 * against a real one: each line here was seen with both.
 */

let server: EventStoreDb;
let client: Client;

beforeAll(async () => {
  server = await startEventStoreDb();
  client = EventStoreDBClient.connectionString(server.connectionString);
});

afterAll(async () => {
  await client.dispose();
  await server.close();
});

/** A stream that nobody else uses. */
const newStream = (category = 'protocol'): string => `${category}${randomUUID().replaceAll('-', '')}-1`;

/** Events of one type, numbered. */
const numbered = (count: number, type = 'numbered') =>
  Array.from({ length: count }, (_, n) => jsonEvent({ type, data: { n } }));

type Options = Parameters<Client['readStream']>[1];

const numbersOf = async (streamId: string, options?: Options): Promise<number[]> => {
  const found: number[] = [];
  for await (const { event } of client.readStream(streamId, options ?? {})) {
    found.push((event?.data as { n: number } | undefined)?.n ?? Number.NaN);
  }
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

/** What a subscription fails with. */
const failure = (subscription: EventEmitter): Promise<unknown> =>
  new Promise((resolve) => subscription.once('error', resolve));

describe('appending', () => {
  it('tells the last revision and a position that the event is read at', async () => {
    const stream = newStream();
    const { nextExpectedRevision, position } = await client.appendToStream(stream, numbered(3));
    const read: AllStreamRecordedEvent[] = [];
    for await (const { event } of client.readStream(stream)) {
      if (event !== undefined) read.push(event as AllStreamRecordedEvent);
    }
    expect(nextExpectedRevision).toBe(2n);
    expect(read.map(({ revision }) => revision)).toEqual([0n, 1n, 2n]);
    expect(read[2]?.position).toEqual(position);
    expect(position?.commit).toBe(position?.prepare);
  });

  it.each([
    ['no_stream', 'an existing stream', 'no_stream', 0n],
    [5n, 'a stream that is shorter', 5n, 0n],
  ] as const)('refuses %s on %s', async (expectedRevision, _, expected, actual) => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(1));
    const error = await thrown(client.appendToStream(stream, numbered(1), { expectedRevision }));
    expect(error).toBeInstanceOf(WrongExpectedVersionError);
    expect(error).toMatchObject({ streamName: stream, expectedVersion: expected, actualVersion: actual });
  });

  it.each(['stream_exists', 0n] as const)(
    'refuses %s on a stream that is not there',
    async (expectedRevision) => {
      const error = await thrown(client.appendToStream(newStream(), numbered(1), { expectedRevision }));
      expect(error).toMatchObject({ expectedVersion: expectedRevision, actualVersion: 'no_stream' });
    },
  );

  it('refuses a revision that has been passed', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(3));
    const error = await thrown(client.appendToStream(stream, numbered(1), { expectedRevision: 1n }));
    expect(error).toMatchObject({ expectedVersion: 1n, actualVersion: 2n });
  });

  it('takes stream_exists for a stream of which only the metadata is there', async () => {
    const stream = newStream();
    await client.setStreamMetadata(stream, { maxCount: 5 });
    const expectedRevision = 'stream_exists';
    const { nextExpectedRevision } = await client.appendToStream(stream, numbered(1), { expectedRevision });
    expect(nextExpectedRevision).toBe(0n);
  });

  it.each(['any', 'stream_exists', 'no_stream', 1n] as const)(
    'writes the same ids once, and answers as before, expecting %s',
    async (expectedRevision) => {
      const stream = newStream();
      const revision = typeof expectedRevision === 'bigint' ? expectedRevision : undefined;
      if (expectedRevision !== 'no_stream') await client.appendToStream(stream, numbered(2));
      const events = numbered(2);
      const first = await client.appendToStream(stream, events, { expectedRevision });
      await client.appendToStream(stream, numbered(1));
      const again = await client.appendToStream(stream, events, {
        expectedRevision: revision ?? expectedRevision,
      });
      expect(again).toEqual(first);
    },
  );

  it('refuses a batch of which only the beginning was written before', async () => {
    const stream = newStream();
    const events = numbered(2);
    await client.appendToStream(stream, events);
    const longer = [...events, ...numbered(1)];
    for (const expectedRevision of ['any', 'no_stream'] as const) {
      const error = await thrown(client.appendToStream(stream, longer, { expectedRevision }));
      expect(error).toBeInstanceOf(WrongExpectedVersionError);
    }
  });

  it('writes the same ids again to another stream', async () => {
    const events = numbered(1);
    await client.appendToStream(newStream(), events);
    expect(await client.appendToStream(newStream(), events)).toMatchObject({ nextExpectedRevision: 0n });
  });

  it('says no_stream of a wrong version in one append as well as in a batch', async () => {
    const credentials = { username: 'admin', password: 'changeit' };
    const options = { expectedRevision: 3n, credentials } as const;
    const error = await thrown(client.appendToStream(newStream(), numbered(1), options));
    expect(error).toMatchObject({ expectedVersion: 3n, actualVersion: 'no_stream' });
  });

  it('refuses more than 1 MiB of data, and counts neither metadata nor type', async () => {
    const big = (bytes: number, metadata?: { m: string }) =>
      jsonEvent({ type: 'big', data: 'x'.repeat(bytes - 2), ...(metadata && { metadata }) });
    const stream = newStream();
    const error = await thrown(client.appendToStream(stream, big(1_048_577)));
    expect(error).toBeInstanceOf(MaxAppendSizeExceededError);
    expect(error).toMatchObject({ maxAppendSize: 1_048_576 });
    const credentials = { username: 'admin', password: 'changeit' };
    const alone = await thrown(client.appendToStream(stream, big(1_048_577), { credentials }));
    expect(alone).toMatchObject({ maxAppendSize: 1_048_576 });
    await client.appendToStream(stream, big(1_048_576, { m: 'm'.repeat(1_000_000) }));
  });

  it('takes no events at all, and tells where the stream is', async () => {
    const stream = newStream();
    expect((await client.appendToStream(stream, numbered(2))).nextExpectedRevision).toBe(1n);
    expect((await client.appendToStream(stream, [])).nextExpectedRevision).toBe(1n);
  });
});

describe('reading a stream', () => {
  it('forwards and backwards, from anywhere, so many', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(40));
    const all = Array.from({ length: 40 }, (_, n) => n);
    expect(await numbersOf(stream)).toEqual(all);
    expect(await numbersOf(stream, { fromRevision: 38n })).toEqual([38, 39]);
    expect(await numbersOf(stream, { fromRevision: 5n, maxCount: 2 })).toEqual([5, 6]);
    expect(await numbersOf(stream, { direction: BACKWARDS, fromRevision: END })).toEqual(all.toReversed());
    expect(await numbersOf(stream, { direction: BACKWARDS, fromRevision: 1n })).toEqual([1, 0]);
    expect(await numbersOf(stream, { direction: BACKWARDS, fromRevision: START })).toEqual([0]);
    expect(await numbersOf(stream, { direction: FORWARDS, fromRevision: 40n })).toEqual([]);
    expect(await numbersOf(stream, { direction: BACKWARDS, fromRevision: 99n, maxCount: 1 })).toEqual([39]);
  });

  it('says when there is none', async () => {
    const stream = newStream();
    for (const direction of [FORWARDS, BACKWARDS] as const) {
      const error = await thrown(numbersOf(stream, { direction }));
      expect(error).toBeInstanceOf(StreamNotFoundError);
    }
  });

  it.each([
    [{ maxCount: 2 }, [3, 4]],
    [{ truncateBefore: 1 }, [1, 2, 3, 4]],
    [{ truncateBefore: 9 }, []],
    [{ maxCount: 3, truncateBefore: 4 }, [4]],
  ])('shows what %j leaves', async (metadata, left) => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(5));
    await client.setStreamMetadata(stream, metadata);
    expect(await numbersOf(stream)).toEqual(left);
    expect(await numbersOf(stream, { direction: BACKWARDS, fromRevision: END })).toEqual(left.toReversed());
    expect(await client.getStreamMetadata(stream)).toMatchObject({ metadata });
  });

  it('hides what is older than $maxAge', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(1));
    await client.setStreamMetadata(stream, { maxAge: 1 });
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await client.appendToStream(stream, numbered(2, 'young'));
    expect(await numbersOf(stream)).toEqual([0, 1]);
  });

  it('keeps what a client says in metadata', async () => {
    const stream = newStream();
    const metadata: StreamMetadata<{ own: string }> = {
      maxAge: 60,
      maxCount: 7,
      truncateBefore: 1,
      cacheControl: 3,
      own: 'yes',
      acl: { readRoles: ['admin'], writeRoles: ['$all'] },
    };
    await client.setStreamMetadata<{ own: string }>(stream, metadata);
    expect((await client.getStreamMetadata(stream)).metadata).toEqual(metadata);
  });
});

describe('deleting', () => {
  it('softly: not found, and when it is written again the revisions go on', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(2));
    await client.deleteStream(stream, { expectedRevision: 1n });
    expect(await thrown(numbersOf(stream))).toBeInstanceOf(StreamNotFoundError);
    const expectedRevision = 'stream_exists';
    const refused = await thrown(client.appendToStream(stream, numbered(1), { expectedRevision }));
    expect(refused).toBeInstanceOf(StreamDeletedError);
    const again = await client.appendToStream(stream, [jsonEvent({ type: 'numbered', data: { n: 9 } })], {
      expectedRevision: 'no_stream',
    });
    expect(again.nextExpectedRevision).toBe(2n);
    expect(await numbersOf(stream)).toEqual([9]);
    expect(await client.getStreamMetadata(stream)).toMatchObject({ metadata: { truncateBefore: 2 } });
  });

  it('softly, expecting a version that it is not at', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(1));
    const error = await thrown(client.deleteStream(stream, { expectedRevision: 5n }));
    expect(error).toBeInstanceOf(WrongExpectedVersionError);
    expect(error).toMatchObject({ streamName: stream, expectedVersion: 5n, actualVersion: 0n });
    const missing = await thrown(client.deleteStream(newStream()));
    expect(missing).toMatchObject({ expectedVersion: -2n, actualVersion: -1n });
  });

  it('for good', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(1));
    await client.tombstoneStream(stream);
    const credentials = { username: 'admin', password: 'changeit' };
    for (const attempt of [
      () => numbersOf(stream),
      () => client.appendToStream(stream, numbered(1)),
      () => client.appendToStream(stream, numbered(1), { credentials }),
      () => client.deleteStream(stream),
      () => client.tombstoneStream(stream),
    ]) {
      const error = await thrown(attempt());
      expect(error).toBeInstanceOf(StreamDeletedError);
      expect(error).toMatchObject({ streamName: stream });
    }
  });

  it('for good, of a stream that never was', async () => {
    const stream = newStream();
    await client.tombstoneStream(stream, { expectedRevision: 'no_stream' });
    expect(await thrown(numbersOf(stream))).toBeInstanceOf(StreamDeletedError);
  });
});

describe('reading $all', () => {
  /** The revisions of one stream, in the order that reading `$all` from a position shows them. */
  const revisions = async (stream: string, options: Parameters<Client['readAll']>[0]): Promise<bigint[]> => {
    const found: bigint[] = [];
    for await (const { event } of client.readAll(options)) {
      if (event?.streamId === stream) found.push(event.revision);
    }
    return found;
  };

  it('from a position: forwards with it, backwards without it', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(1));
    const { position } = await client.appendToStream(stream, numbered(1));
    await client.appendToStream(stream, numbered(1));
    const fromPosition = position ?? START;
    expect(await revisions(stream, { fromPosition })).toEqual([1n, 2n]);
    expect(await revisions(stream, { fromPosition, direction: BACKWARDS })).toEqual([0n]);
    expect(await revisions(stream, { fromPosition, maxCount: 1 })).toEqual([1n]);
    expect(await revisions(stream, { fromPosition: END, direction: BACKWARDS })).toEqual([2n, 1n, 0n]);
    expect(await revisions(stream, { fromPosition: END })).toEqual([]);
    expect(await revisions(stream, { fromPosition: START, direction: BACKWARDS })).toEqual([]);
  });

  it('with what streams hide, with metadata and tombstones', async () => {
    const stream = newStream();
    const { position } = await client.appendToStream(stream, numbered(2));
    await client.deleteStream(stream);
    await client.tombstoneStream(stream);
    const found: unknown[] = [];
    for await (const { event } of client.readAll({ fromPosition: position ?? START })) {
      if (event?.streamId.endsWith(stream) === true) found.push([event.streamId, event.type, event.revision]);
    }
    expect(found).toEqual([
      [stream, 'numbered', 1n],
      [`$$${stream}`, '$metadata', 0n],
      [stream, '$streamDeleted', 9_223_372_036_854_775_807n],
    ]);
  });
});

describe('links', () => {
  it('are followed or not, as asked; a target that is gone leaves the link', async () => {
    const target = newStream();
    const links = newStream('links');
    await client.appendToStream(target, numbered(2));
    const link = (to: string) => ({
      id: randomUUID(),
      type: '$>',
      contentType: 'application/octet-stream' as const,
      data: Buffer.from(to),
    });
    await client.appendToStream(links, [link(`1@${target}`), link(`7@${target}`)] as never);
    const resolved = [];
    for await (const found of client.readStream(links, { resolveLinkTos: true })) resolved.push(found);
    expect(resolved[0]).toMatchObject({ event: { streamId: target, revision: 1n }, link: { revision: 0n } });
    expect(resolved[1]?.event).toBeUndefined();
    expect(resolved[1]?.link).toMatchObject({ streamId: links, revision: 1n });
    for await (const found of client.readStream(links, { maxCount: 1 })) {
      expect(found).toMatchObject({ event: { streamId: links, type: '$>' } });
      expect(found.link).toBeUndefined();
    }
  });
});

describe('subscribing', () => {
  it('to a stream: what is there, caught up, what comes', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(3));
    const subscription = client.subscribeToStream(stream, { fromRevision: 0n });
    const seen: unknown[] = [];
    subscription.on('data', ({ event }) => seen.push(event?.revision));
    subscription.on('caughtUp', () => seen.push('caught up'));
    await once(subscription, 'caughtUp');
    await client.appendToStream(stream, numbered(1));
    while (seen.length < 4) await once(subscription, 'data');
    expect(seen).toEqual([1n, 2n, 'caught up', 3n]);
    await subscription.unsubscribe();
  });

  it('to a stream that is not there yet: caught up once it is', async () => {
    const stream = newStream();
    const subscription = client.subscribeToStream(stream);
    const seen: unknown[] = [];
    for (const name of ['confirmation', 'caughtUp'] as const) subscription.on(name, () => seen.push(name));
    subscription.on('data', ({ event }) => seen.push(event?.revision));
    await once(subscription, 'confirmation');
    const caughtUp = once(subscription, 'caughtUp');
    await client.appendToStream(stream, numbered(1));
    await caughtUp;
    expect(seen).toEqual(['confirmation', 0n, 'caughtUp']);
    await subscription.unsubscribe();
  });

  it('to a stream that is deleted for good: its tombstone, then an error; later an error at once', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(1));
    const subscription = client.subscribeToStream(stream);
    const seen: unknown[] = [];
    subscription.on('data', ({ event }) => seen.push(event?.type));
    await once(subscription, 'caughtUp');
    const failed = failure(subscription);
    await client.tombstoneStream(stream);
    expect(await failed).toBeInstanceOf(StreamDeletedError);
    expect(seen).toEqual(['numbered', '$streamDeleted']);
    expect(await failure(client.subscribeToStream(stream))).toBeInstanceOf(StreamDeletedError);
  });

  it.each([
    ['a stream prefix', (id: string) => streamNameFilter({ prefixes: ['none', `${id}-`] }), 42],
    ['an expression for streams', (id: string) => streamNameFilter({ regex: `^${id}-2$` }), 40],
    ['type prefixes', (id: string) => eventTypeFilter({ prefixes: [`${id}.a`, `${id}.b`] }), 42],
    ['an expression for types', (id: string) => eventTypeFilter({ regex: `${id}.a` }), 2],
  ] as const)('to $all by %s', async (_, filterOf, count) => {
    const id = newStream().slice(0, -2);
    await client.appendToStream(`${id}-1`, numbered(2, `${id}.a`));
    await client.appendToStream(`${id}-2`, numbered(40, `${id}.b`));
    const subscription = client.subscribeToAll({ filter: filterOf(id) });
    let found = 0;
    subscription.on('data', () => {
      found += 1;
    });
    await once(subscription, 'caughtUp');
    expect(found).toBe(count);
    await subscription.unsubscribe();
  });

  it('to $all from a position: what lies behind it', async () => {
    const stream = newStream();
    const { position } = await client.appendToStream(stream, numbered(1));
    await client.appendToStream(stream, numbered(2));
    const filter = streamNameFilter({ prefixes: [stream] });
    const subscription = client.subscribeToAll({ fromPosition: position ?? START, filter });
    const seen: bigint[] = [];
    for await (const { event } of subscription) {
      if (event !== undefined) seen.push(event.revision);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual([1n, 2n]);
  });

  it('to $all with a filter: checkpoints tell how far the search has come', async () => {
    const { position } = await client.appendToStream(newStream(), numbered(1));
    const last = await client.appendToStream(newStream(), numbered(100));
    const checkpoints: bigint[] = [];
    const filter = streamNameFilter({
      prefixes: ['nothing has this prefix'],
      maxSearchWindow: 10,
      checkpointInterval: 2,
      checkpointReached: async (_, { commit }) => void checkpoints.push(commit),
    });
    const subscription = client.subscribeToAll({ fromPosition: position ?? START, filter });
    subscription.on('data', () => {});
    await once(subscription, 'caughtUp');
    // A real server may have others write to it meanwhile.
    const before = checkpoints.length;
    expect(before).toBeGreaterThanOrEqual(5);
    expect(checkpoints).toEqual(checkpoints.toSorted((a, b) => Number(a - b)));
    const live = await client.appendToStream(newStream(), numbered(20));
    await until(() => checkpoints.length > before);
    expect(checkpoints[before]).toBeGreaterThan(last.position?.commit ?? 0n);
    expect(checkpoints[before]).toBeLessThanOrEqual(live.position?.commit ?? 0n);
    await subscription.unsubscribe();
  });

  it('to $all from the end, without system events', async () => {
    const stream = newStream();
    const subscription = client.subscribeToAll({ fromPosition: END, filter: excludeSystemEvents() });
    const first = once(subscription, 'data');
    await once(subscription, 'caughtUp');
    await client.setStreamMetadata(stream, { maxCount: 100 });
    await client.appendToStream(stream, numbered(1));
    expect((await first)[0]).toMatchObject({ event: { streamId: stream, type: 'numbered' } });
    await subscription.unsubscribe();
  });
});
