import { EventStoreDBClient, jsonEvent, binaryEvent } from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventStoreDb, type EventStoreDbOptions } from '@tidemark/adapters/eventstoredb';
import {
  jsonCodec,
  memory,
  newId,
  UnsupportedError,
  type Backend,
  type ReadAllOptions,
  type RecordedEvent,
} from '@tidemark/core';
import { randomUUID } from 'node:crypto';
import { startEventStoreDb, type EventStoreDb } from '../support/eventstoredb/start.js';

const all = async (batches: AsyncIterable<readonly RecordedEvent[]>): Promise<readonly RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for await (const batch of batches) events.push(...batch);
  return events;
};

describe('EventStoreDB beside other programs', () => {
  let server: EventStoreDb;
  let client: EventStoreDBClient;
  const opened: Backend[] = [];
  beforeAll(async () => {
    server = await startEventStoreDb();
    client = EventStoreDBClient.connectionString(server.connectionString);
  }, 60_000);
  afterAll(async () => {
    for (const backend of opened) await backend.close();
    await client.dispose();
    await server.close();
  });
  const open = async (options: Partial<EventStoreDbOptions> = {}): Promise<Backend['events']> => {
    const target = options.client === undefined ? { connectionString: server.connectionString } : {};
    const backend = eventStoreDb({ ...target, state: memory(), ...options });
    await backend.open();
    opened.push(backend);
    return backend.events;
  };
  const name = (): string => `own-${randomUUID()}`;
  const counted = (n: number) => ({ type: 'Counted', data: { n } });

  it('takes a client of one’s own', async () => {
    const events = await open({ client: EventStoreDBClient.connectionString(server.connectionString) });
    const stream = name();
    expect(await events.append(stream, [counted(1)])).toMatchObject({ version: 0 });
    const { position } = await events.append(stream, [counted(2)], { expectedVersion: 0 });
    expect((await all(events.readStream(stream))).at(-1)?.position).toBe(position);
  });

  it('writes correlation and causation as EventStoreDB knows them, and reads them back', async () => {
    const events = await open();
    const stream = name();
    const metadata = { correlationId: 'c', causationId: 'k', userId: 'u' };
    await events.append(stream, [{ ...counted(1), schemaVersion: 3, metadata }]);
    const stored = [];
    for await (const { event } of client.readStream(stream)) stored.push(event?.metadata);
    expect(stored).toEqual([
      { $correlationId: 'c', $causationId: 'k', $schemaVersion: 3, userId: 'u', $append: expect.any(String) },
    ]);
    const [recorded] = await all(events.readStream(stream));
    expect(recorded).toMatchObject({ schemaVersion: 3, metadata });
    expect(Object.keys(recorded?.metadata ?? {}).toSorted()).toEqual([
      'causationId',
      'correlationId',
      'userId',
    ]);
  });

  it('reads what other programs wrote: without metadata, binary, with odd schema versions', async () => {
    const events = await open();
    const stream = name();
    await client.appendToStream(stream, [
      jsonEvent({ type: 'Foreign', data: { a: 1 } }),
      binaryEvent({ type: 'Bytes', data: new Uint8Array([1, 2, 255]) }),
      jsonEvent({ type: 'Foreign', data: {}, metadata: { $schemaVersion: 'two', $correlationId: 'c' } }),
    ]);
    const read = await all(events.readStream(stream));
    expect(read.map(({ data, metadata, schemaVersion }) => [data, metadata, schemaVersion])).toEqual([
      [{ a: 1 }, {}, 1],
      [Buffer.from([1, 2, 255]).toString('base64'), {}, 1],
      [{}, { correlationId: 'c' }, 1],
    ]);
    expect(await all(events.readAll({ filter: { streamPrefixes: [stream] } }))).toEqual(read);
  });

  it('takes a stream that another program has soft-deleted as deleted, and begins it anew', async () => {
    const events = await open();
    for (const expectedVersion of ['no-stream', 'any', -1] as const) {
      const stream = name();
      await events.append(stream, [counted(0), counted(1)]);
      await client.deleteStream(stream);
      expect(await events.streamVersion(stream)).toBeUndefined();
      expect(await all(events.readStream(stream))).toEqual([]);
      await expect(events.append(stream, [counted(2)], { expectedVersion: 1 })).rejects.toMatchObject({
        actual: undefined,
      });
      await expect(
        events.append(stream, [counted(2)], { expectedVersion: 'stream-exists' }),
      ).rejects.toMatchObject({ actual: undefined });
      const given = { ...counted(2), id: newId() };
      const first = await events.append(stream, [given], { expectedVersion });
      expect(first).toMatchObject({ version: 2, alreadyAppended: false });
      expect(await events.append(stream, [given], { expectedVersion })).toMatchObject({
        version: 2,
        alreadyAppended: true,
      });
    }
  });

  it('a soft delete of ours is an empty stream for others', async () => {
    const events = await open();
    const stream = name();
    await events.append(stream, [counted(0)]);
    await events.setStreamMetadata(stream, { maxCount: 5, truncateBefore: 0 });
    await events.deleteStream(stream);
    const seen = [];
    for await (const resolved of client.readStream(stream)) seen.push(resolved);
    expect(seen).toEqual([]);
    expect(await events.getStreamMetadata(stream)).toEqual({ maxCount: 5, truncateBefore: 0 });
    await events.setStreamMetadata(stream, { truncateBefore: 3 });
    expect(await events.streamVersion(stream)).toBeUndefined();
    await events.append(stream, [counted(1)], { expectedVersion: 'no-stream' });
    expect(await events.streamVersion(stream)).toBe(1);
    expect(await all(events.readStream(stream))).toEqual([]);
    await events.deleteStream(stream, { expectedVersion: 1 });
    expect(await events.getStreamMetadata(stream)).toEqual({ truncateBefore: 3 });
  });

  it('ids that settings hide are found in the log by a process that never saw them, unless told not to', async () => {
    const stream = name();
    const given = [
      { ...counted(0), id: newId() },
      { ...counted(1), id: newId() },
    ];
    const writer = await open();
    const first = await writer.append(stream, given, { expectedVersion: 'no-stream' });
    await writer.append(stream, [counted(2)]);
    await writer.setStreamMetadata(stream, { truncateBefore: 2 });
    const other = await open();
    expect((await other.findEvent(stream, given[0]?.id ?? ''))?.version).toBe(0);
    expect(await other.append(stream, given, { expectedVersion: 'no-stream' })).toMatchObject({
      version: 1,
      position: first.position,
      alreadyAppended: true,
    });
    const hasty = await open({ searchHidden: false });
    expect(await hasty.findEvent(stream, given[0]?.id ?? '')).toBeUndefined();
  });

  it('an append that settings hide at once is answered all the same', async () => {
    const events = await open();
    const stream = name();
    await events.setStreamMetadata(stream, { maxCount: 1 });
    const given = [
      { ...counted(0), id: newId() },
      { ...counted(1), id: newId() },
    ];
    const result = await events.append(stream, given);
    expect(result).toMatchObject({ version: 1, alreadyAppended: false });
    expect(await events.append(stream, given)).toMatchObject({ ...result, alreadyAppended: true });
  });

  it('links come as they are, or as what they lead to, and are left out of the whole log', async () => {
    const stream = name();
    const links = `${stream}-links`;
    const plain = await open();
    await plain.append(stream, [counted(7)]);
    await client.appendToStream(links, {
      id: newId(),
      type: '$>',
      contentType: 'application/octet-stream',
      data: new Uint8Array(Buffer.from(`0@${stream}`)),
      metadata: undefined,
    });
    const [link] = await all(plain.readStream(links));
    expect(link).toMatchObject({ stream: links, version: 0, type: '$>' });
    const resolving = await open({ resolveLinks: true });
    expect(await all(resolving.readStream(links))).toMatchObject([
      { stream: links, version: 0, type: 'Counted', data: { n: 7 } },
    ]);
    for (const events of [plain, resolving]) {
      const whole = await all(events.readAll({ filter: { streamPrefixes: [stream] } }));
      expect(whole.map((event) => event.stream)).toEqual([stream]);
    }
  });

  it('transactions are those of the state: nothing of the log is in them', async () => {
    const backend = eventStoreDb({ connectionString: server.connectionString, state: memory() });
    await backend.open();
    opened.push(backend);
    await backend.transaction(async (tx) => {
      await expect(tx.readVersions('a', 0, 1)).rejects.toThrow(UnsupportedError);
      await expect(tx.readBehind(0n, ['A'], 1)).rejects.toThrow(UnsupportedError);
      await expect(tx.append([])).rejects.toThrow('EventStoreDB has no transactions');
    });
  });

  it('appends through the shared batch stream mean the same', async () => {
    const events = await open({ batchAppend: true });
    const stream = name();
    const given = { ...counted(1), id: newId() };
    expect(await events.append(stream, [given], { expectedVersion: -1 })).toMatchObject({ version: 0 });
    expect(await events.append(stream, [given], { expectedVersion: -1 })).toMatchObject({
      version: 0,
      alreadyAppended: true,
    });
    await expect(events.append(stream, [counted(2)], { expectedVersion: 5 })).rejects.toMatchObject({
      actual: 0,
    });
  });

  it('a large log is filtered by the server, in both directions, and can be limited', async () => {
    const events = await open();
    const [wanted, other] = [name(), name()];
    const after = await events.head();
    for (let n = 0; n < 6; n += 1) {
      await events.append(
        other,
        Array.from({ length: 300 }, (_, index) => counted(index)),
      );
      await events.append(wanted, [counted(n)]);
    }
    const filter = { streamPrefixes: [wanted] };
    const numbers = async (options: ReadAllOptions): Promise<readonly unknown[]> =>
      (await all(events.readAll({ filter, ...options }))).map(
        ({ data }) => (data as { readonly n: number }).n,
      );
    expect(await numbers({ after })).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await numbers({ after, limit: 2 })).toEqual([0, 1]);
    expect(await numbers({ after, batchSize: 4 })).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await numbers({ direction: 'backwards', limit: 3 })).toEqual([5, 4, 3]);
  });

  it('a codec of one’s own sees all data and metadata', async () => {
    const encoding = {
      encode: (value: unknown, where: string): string =>
        JSON.stringify(Buffer.from(jsonCodec.encode(value, where)).toString('base64')),
      decode: (text: string): unknown => {
        const stored: unknown = JSON.parse(text);
        return typeof stored === 'string'
          ? jsonCodec.decode(Buffer.from(stored, 'base64').toString())
          : stored;
      },
    };
    const events = await open({ codec: encoding });
    const stream = name();
    await events.append(stream, [{ ...counted(1), metadata: { userId: 'u' } }]);
    expect(await all(events.readStream(stream))).toMatchObject([
      { data: { n: 1 }, metadata: { userId: 'u' } },
    ]);
    const [raw] = await all((await open()).readStream(stream));
    expect(raw?.data).toBe(Buffer.from('{"n":1}').toString('base64'));
  });

  it('events of the system are in no read and no subscription, but are gone past', async () => {
    const events = await open();
    const after = await events.head();
    const stream = name();
    await events.setStreamMetadata(stream, { maxCount: 9 });
    expect(await all(events.readAll({ after }))).toEqual([]);
    const head = await events.head();
    for await (const batch of events.subscribe({ after })) {
      expect(batch.events).toEqual([]);
      if (batch.caughtUp) {
        expect(batch.position).toBeGreaterThanOrEqual(head);
        break;
      }
    }
  });
});
