import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { memory } from '../../backend/memory/memory.js';
import { ConcurrencyError, UnsupportedError } from '../../log/errors.js';
import type { AppendResult, EventStore, ExpectedVersion, StreamMetadata } from '../../log/event-store.js';
import type { NewEvent } from '../../messages/event.js';
import { newId } from '../../messages/ids.js';
import { jsonCodec, type Codec } from '../../schema/codec.js';
import { altered, brokenRules, rulesBrokenBy, withBatches } from './broken-stores.test-support.js';
import { eventStoreChapters } from './event-store-conformance.js';
import { EventStoreTrial } from './event-store-trial.js';

/** One way in which real stores have been wrong, and rules that must tell. */
interface Defect {
  readonly defect: string;
  readonly change?: (store: EventStore) => Partial<EventStore>;
  readonly codec?: Codec;
  readonly told: readonly string[];
}

/** The store, but that appends take another expectation than the one given. */
const expecting =
  (change: (expected: ExpectedVersion | undefined) => ExpectedVersion | undefined) =>
  (store: EventStore): Partial<EventStore> => ({
    append: (stream, events, options) =>
      store.append(stream, events, { expectedVersion: change(options?.expectedVersion) }),
  });

const appending =
  (
    append: (
      store: EventStore,
      stream: string,
      events: readonly NewEvent[],
      expected?: ExpectedVersion,
    ) => Promise<AppendResult>,
  ) =>
  (store: EventStore): Partial<EventStore> => ({
    append: (stream, events, options) => append(store, stream, events, options?.expectedVersion),
  });

/** Objects by the text that stands for them in the store. */
const remembered = new Map<string, unknown>();

const defects: readonly Defect[] = [
  {
    defect: '`no-stream` is taken for `any`',
    change: expecting((expected) => (expected === 'no-stream' ? 'any' : expected)),
    told: [
      'pitfall 1: a stream at version 2 refuses no-stream, and says where it is',
      'pitfall 1: of 20 writers on two connections that append with no-stream, exactly one wins',
    ],
  },
  {
    defect: '`stream-exists` is taken for `any`',
    change: expecting((expected) => (expected === 'stream-exists' ? 'any' : expected)),
    told: [
      'pitfall 1: a stream that does not exist is refused with stream-exists',
      'pitfall 1: a soft-deleted stream refuses stream-exists, as if it had never been',
    ],
  },
  {
    defect: 'the expectation is checked before the write, not with it',
    change: appending(async (store, stream, events, expected = 'any') => {
      const actual = await store.streamVersion(stream);
      const holds =
        expected === 'any' ||
        (expected === 'no-stream' ? -1 : expected) === (actual ?? -1) ||
        (expected === 'stream-exists' && actual !== undefined);
      if (!holds) throw new ConcurrencyError(stream, expected, actual);
      await setImmediate();
      return store.append(stream, events);
    }),
    told: [
      'pitfall 1: of 20 writers on two connections that append with no-stream, exactly one wins',
      'pitfall 1: of 20 writers on two connections that append with 2, exactly one wins',
    ],
  },
  {
    defect: 'a conflict does not say where the stream is',
    change: appending(async (store, stream, events, expected) => {
      try {
        return await store.append(stream, events, { expectedVersion: expected });
      } catch (error) {
        throw error instanceof ConcurrencyError ? new ConcurrencyError(stream, 'any', undefined) : error;
      }
    }),
    told: ['pitfall 1: a stream at version 2 refuses 0, and says where it is'],
  },
  {
    defect: 'a conflict is a plain error',
    change: appending(async (store, stream, events, expected) => {
      try {
        return await store.append(stream, events, { expectedVersion: expected });
      } catch {
        throw new Error('unique constraint violated');
      }
    }),
    told: ['pitfall 1: a stream that does not exist is refused with 0'],
  },
  {
    defect: 'the events of an append are written one by one',
    change: appending(async (store, stream, events, expected) => {
      let result = await store.append(stream, events.slice(0, 1), { expectedVersion: expected });
      for (const event of events.slice(1)) {
        await setImmediate();
        result = await store.append(stream, [event]);
      }
      return result;
    }),
    told: [
      'one event that cannot be written keeps all of its append out, and is named by its path',
      'of 20 writers that append with "any" to one stream, all succeed, each in one piece',
    ],
  },
  {
    defect: 'ids are not looked at',
    change: appending((store, stream, events, expected) =>
      store.append(
        stream,
        events.map(({ type, data }) => ({ id: newId(), type, data })),
        { expectedVersion: expected },
      ),
    ),
    told: [
      'the same append with any to a new stream is answered as the first time, also when others followed',
      'an id twice in one append is refused',
      'an event is found by its id in its stream only',
    ],
  },
  {
    defect: 'events that are there are skipped, and the rest is written',
    change: appending(async (store, stream, events, expected) => {
      const fresh: NewEvent[] = [];
      for (const event of events) {
        const found = event.id === undefined ? undefined : await store.findEvent(stream, event.id);
        if (found === undefined) fresh.push(event);
      }
      return store.append(stream, fresh.length === 0 ? events : fresh, {
        expectedVersion: fresh.length === events.length ? expected : 'any',
      });
    }),
    told: ['with any, old events followed by a new one is a conflict'],
  },
  {
    defect: 'several streams are written one after the other',
    change: (store) => ({
      appendAll: async (appends) => {
        const results: AppendResult[] = [];
        for (const append of appends) results.push(await store.append(append.stream, append.events, append));
        return results;
      },
    }),
    told: [
      'one conflict keeps all of them out, wherever it stands',
      'one event that cannot be written keeps all of them out',
      'an atomic append to nothing is refused',
    ],
  },
  {
    defect: 'the whole log is ordered by stream, not by position',
    change: (store) => ({
      async *readAll(options) {
        for await (const batch of store.readAll(options)) {
          yield batch.toSorted((a, b) => (a.stream < b.stream ? -1 : 1));
        }
      },
    }),
    told: ['the log holds all streams in the order of their appends, without a filter too'],
  },
  {
    defect: '`after` includes the position itself',
    change: (store) => ({
      readAll: (options = {}) =>
        store.readAll({ ...options, after: options.after === undefined ? undefined : options.after - 1n }),
    }),
    told: ['of events 0 to 9, `after` leaves itself out'],
  },
  {
    defect: '`from` is left out by backwards reads',
    change: (store) => ({
      readStream: (stream, options) => store.readStream(stream, { ...options, from: undefined }),
    }),
    told: ['of versions 0 to 9, `from` backwards is the first, itself included'],
  },
  {
    defect: 'limits are forgotten',
    change: (store) => ({
      readStream: (stream, options) => store.readStream(stream, { ...options, limit: undefined }),
      readAll: (options) => store.readAll({ ...options, limit: undefined }),
    }),
    told: ['of versions 0 to 9, `limit` is the most', 'of events 0 to 9, `limit` is the most'],
  },
  {
    defect: 'an aborted read just ends',
    change: (store) => ({
      readStream: (stream, options) =>
        options?.signal?.aborted === true ? store.readStream('none') : store.readStream(stream, options),
    }),
    told: ['an aborted read fails with the reason: it must not look whole'],
  },
  {
    defect: 'empty batches are handed out',
    change: (store) => ({
      async *readStream(stream, options) {
        yield* store.readStream(stream, options);
        yield [];
      },
    }),
    told: ['a stream that does not exist has no events and no batches'],
  },
  {
    defect: 'the head is behind what was appended',
    change: (store) => ({ head: async () => (await store.head()) - 1n }),
    told: ['read your writes: the head is never behind an append that was answered'],
  },
  {
    defect: 'metadata filters are ignored',
    change: (store) => ({
      readAll: (options) =>
        store.readAll({ ...options, filter: { ...options?.filter, metadata: undefined } }),
    }),
    told: ['metadata: text is compared exactly', 'metadata: a number is not its text'],
  },
  {
    defect: 'times are ignored',
    change: (store) => ({
      readAll: (options) =>
        store.readAll({ ...options, filter: { ...options?.filter, recordedBefore: undefined } }),
    }),
    told: ['recorded at or after, and before, a time'],
  },
  {
    defect: 'a filtered subscription makes no progress without events',
    change: (store) => ({
      subscribe: (options) =>
        withBatches(store.subscribe(options), (batch) => (batch.events.length > 0 ? batch : undefined)),
    }),
    told: [
      'pitfall 12: through a past in which nothing matches it moves to the head',
      'pitfall 12: live, it moves past events that do not match',
      'at the head, the first batch says that it is caught up, though it has no events',
    ],
  },
  {
    defect: 'a subscription reports progress past what it did not deliver',
    change: (store) => ({
      subscribe: (options) =>
        withBatches(store.subscribe(options), (batch) => ({ ...batch, position: batch.position + 20n })),
    }),
    told: [
      'progress never passes an event that matches and was not delivered',
      'whoever subscribes again behind any batch gets exactly the rest',
    ],
  },
  {
    defect: 'an event is lost where catching up becomes live',
    change: (store) => ({
      subscribe(options) {
        let caughtUp = false;
        return withBatches(store.subscribe(options), (batch) => {
          if (caughtUp && batch.events.length > 0) {
            caughtUp = false;
            return { ...batch, events: batch.events.slice(1) };
          }
          caughtUp ||= batch.caughtUp;
          return batch;
        });
      },
    }),
    told: ['what is there comes first, in order, then what is appended'],
  },
  {
    defect: 'a subscription always says that it is caught up',
    change: (store) => ({
      subscribe: (options) =>
        withBatches(store.subscribe(options), (batch) => ({ ...batch, caughtUp: true })),
    }),
    told: ['while catching up it is not caught up; at the end it is'],
  },
  {
    defect: 'a subscription ends at the head',
    change: (store) => ({
      subscribe(options) {
        const subscription = store.subscribe(options);
        return withBatches(subscription, (batch) => {
          if (batch.caughtUp) void subscription.close();
          return batch;
        });
      },
    }),
    told: ['from the head on, only what comes is delivered'],
  },
  {
    defect: 'a subscription has no bound to its batches',
    change: (store) => ({ subscribe: (options) => store.subscribe({ ...options, batchSize: undefined }) }),
    told: [
      'a batch has no more events than asked for',
      'a slow consumer misses nothing, and is given no more at a time',
    ],
  },
  {
    defect: 'closing a subscription leaves a waiting pull alone',
    change: (store) => ({
      subscribe(options) {
        const subscription = store.subscribe(options);
        return { close: async () => {}, [Symbol.asyncIterator]: () => subscription[Symbol.asyncIterator]() };
      },
    }),
    told: [
      'a pull that waits is answered with the end when it is closed',
      'closed before its first pull, it is at its end',
    ],
  },
  {
    defect: 'a subscription takes no notice of its signal',
    change: (store) => ({ subscribe: (options) => store.subscribe({ ...options, signal: undefined }) }),
    told: [
      'a pull that waits is answered with the end when its signal is aborted',
      'with a signal that was aborted before, it is at its end',
    ],
  },
  {
    defect: 'a soft delete closes the stream for ever',
    change: (store) => ({ deleteStream: (stream, options) => store.tombstoneStream(stream, options) }),
    told: [
      'a soft-deleted stream reads as empty and has no version',
      'a soft-deleted stream is begun anew with no-stream, its versions going on',
    ],
  },
  {
    defect: 'a tombstone is a soft delete',
    change: (store) => ({ tombstoneStream: (stream, options) => store.deleteStream(stream, options) }),
    told: ['of a tombstoned stream, an append is refused', 'of a tombstoned stream, a read is refused'],
  },
  {
    defect: 'deleting does not check the expected version',
    change: (store) => ({ deleteStream: (stream) => store.deleteStream(stream) }),
    told: ['deleting checks the expected version'],
  },
  {
    defect: 'settings are kept and not obeyed',
    change: () => {
      const settings = new Map<string, StreamMetadata>();
      return {
        getStreamMetadata: async (stream) => settings.get(stream) ?? {},
        setStreamMetadata: async (stream, metadata) => {
          settings.set(stream, metadata);
        },
      };
    },
    told: [
      'of versions 0 to 9, `maxCount` 3 leaves the newest 3',
      '`maxAge` hides what is older, in seconds',
      'values that make no sense are refused, and what was set stays',
    ],
  },
  {
    defect: 'NUL characters are lost',
    codec: {
      ...jsonCodec,
      encode: (value, where) => jsonCodec.encode(value, where).replaceAll('\\u0000', ''),
    },
    told: ['pitfall 19: NUL characters: comes back as it was'],
  },
  {
    defect: 'lone surrogates are replaced',
    codec: {
      ...jsonCodec,
      encode: (value, where) => jsonCodec.encode(value, where).replaceAll(/\\ud[89a-f]../g, '?'),
    },
    told: ['pitfall 19: lone surrogates: comes back as it was'],
  },
  {
    defect: 'keys are sorted',
    codec: {
      ...jsonCodec,
      decode: (text) =>
        JSON.parse(text, (_, value: unknown) =>
          typeof value === 'object' && value !== null && !Array.isArray(value)
            ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
            : value,
        ),
    },
    told: ['the order of keys: comes back as it was'],
  },
  {
    defect: 'own __proto__ keys become prototypes',
    codec: {
      ...jsonCodec,
      decode: (text) =>
        JSON.parse(text, (_, value: unknown) =>
          typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__')
            ? Object.assign({}, value)
            : value,
        ),
    },
    told: ['an own key __proto__ pollutes nothing'],
  },
  {
    defect: 'what JSON cannot hold is lost in silence',
    codec: {
      encode: (value) =>
        JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}` : each)) ?? 'null',
      decode: jsonCodec.decode,
    },
    told: [
      'undefined: refused, and nothing is written',
      'NaN: refused, and nothing is written',
      'a Map: refused, and nothing is written',
      'a bigint: refused, and nothing is written',
    ],
  },
  {
    defect: 'readers share the objects that were appended',
    codec: {
      encode(value, where) {
        jsonCodec.encode(value, where);
        const text = `object ${remembered.size}`;
        remembered.set(text, value);
        return text;
      },
      decode: (text) => remembered.get(text) ?? jsonCodec.decode(text),
    },
    told: [
      'what a caller or a reader changes afterwards changes nothing in the log',
      'what one subscriber changes in an event, another does not see',
    ],
  },
  {
    defect: 'a capability is claimed that is not there',
    change: (store) => ({
      capabilities: { ...store.capabilities, durable: true, shared: true },
    }),
    told: [
      'durable: events, positions and settings outlive a restart',
      'shared: what another connection appends is read here, and the other way round',
    ],
  },
  {
    defect: 'a capability is denied that is there',
    change: (store) => ({ capabilities: { ...store.capabilities, multiStreamAppend: false } }),
    told: ['several streams are written together, and answered in the order given'],
  },
];

describe('the conformance suite of the event store', () => {
  it('finds nothing wrong with a store that keeps every rule', async () => {
    expect(await rulesBrokenBy(() => ({}), eventStoreChapters, { patienceMs: 10_000 })).toEqual([]);
  });

  it.each(defects)('tells when $defect', async ({ change = () => ({}), codec, told }) => {
    const chapters = eventStoreChapters.filter(({ rules }) => rules.some(({ name }) => told.includes(name)));
    const broken = await rulesBrokenBy(change, chapters, { codec: codec ?? jsonCodec });
    expect(broken).toEqual(expect.arrayContaining([...told]));
    expect(broken.length).toBeLessThan(chapters.flatMap(({ rules }) => rules).length);
  });

  it('names each rule once', () => {
    const names = eventStoreChapters.flatMap(({ name, rules }) =>
      rules.map((rule) => `${name}: ${rule.name}`),
    );
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('rules about what only some stores can do', () => {
  const concerned = eventStoreChapters.filter(({ name }) =>
    ['capabilities', 'appending to several streams', 'writers at the same time'].includes(name),
  );

  it('are kept by a store that outlives restarts and has several connections', async () => {
    let closed = 0;
    const broken = await brokenRules(concerned, async () => {
      const { events } = memory();
      const capabilities = { ...events.capabilities, durable: true, shared: true };
      const connect = (): EventStore => altered(events, { capabilities });
      const store = connect();
      return new EventStoreTrial(
        {
          store,
          connect: async () => ({
            store: connect(),
            close: async () => {
              closed += 1;
            },
          }),
          reopen: async () => connect(),
          close: async () => {},
        },
        10_000,
      );
    });
    expect(broken).toEqual([]);
    expect(closed).toBeGreaterThan(0);
  });

  it('are kept by a store that cannot append to several streams, and says so', async () => {
    const broken = await rulesBrokenBy(
      (store) => ({
        capabilities: { ...store.capabilities, multiStreamAppend: false },
        appendAll: async (appends) => {
          if (appends.length > 1 && new Set(appends.map(({ stream }) => stream)).size === appends.length) {
            throw new UnsupportedError('This store appends to one stream at a time.');
          }
          return store.appendAll(appends);
        },
      }),
      concerned,
      // Nothing is expected to fail here, so nothing is gained by impatience.
      { patienceMs: 10_000 },
    );
    expect(broken).toEqual([]);
  });
});
