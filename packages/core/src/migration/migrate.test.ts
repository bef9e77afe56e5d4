import { describe, expect, it } from '@jest/globals';
import { memory } from '../backend/memory/memory.js';
import { CheckpointConflictError } from '../backend/checkpoints.js';
import type { Backend } from '../backend/backend.js';
import { InvalidArgumentError, StoreUnavailableError } from '../log/errors.js';
import { upcaster } from '../model/upcaster.js';
import { Schema } from '../schema/schema.js';
import { UpcastError } from '../schema/errors.js';
import { MessageContext } from '../messages/context.js';
import { MigrationError, MigrationVerificationError } from './errors.js';
import { migrate } from './migrate.js';
import { counted, everything, fused, logOf } from './migrate.test-support.js';
import type { MigrationOptions } from './migration-options.js';
import type { MigrationProgress } from './progress.js';
import { originOf } from './origin.js';
import { digestLog } from './verification.js';

const failure = async (options: MigrationOptions): Promise<unknown> => {
  try {
    await migrate(options).done;
  } catch (error) {
    return error;
  }
  throw new Error('the migration did not fail');
};

const streamsOf = async (backend: Backend): Promise<readonly string[]> =>
  (await everything(backend.events)).map(({ stream }) => stream);

describe('a migration', () => {
  it('copies all events in their order under their ids, says what it did, and leaves the source as it is', async () => {
    const source = await logOf(['a', 'b', 'a', 'a', 'c']);
    const before = await digestLog(source.events);
    const target = memory();
    const report = await migrate({ name: 'm', from: source.events, to: target }).done;
    expect(report).toMatchObject({ name: 'm', position: 5n, handled: 5, written: 5 });
    expect(report.verification?.isRight).toBe(true);
    expect(await digestLog(target.events)).toEqual(before);
    expect(await digestLog(source.events)).toEqual(before);
    expect((await target.checkpoints.load('migration:m'))?.position).toBe(5n);
  });

  it('run again, copies only what came since', async () => {
    const source = await logOf(['a', 'b']);
    const target = memory();
    await migrate({ name: 'm', from: source.events, to: target }).done;
    await source.events.append('a', [counted(2)]);
    const report = await migrate({ name: 'm', from: source.events, to: target }).done;
    expect(report).toMatchObject({ handled: 1, written: 1 });
    expect(await digestLog(target.events)).toEqual(await digestLog(source.events));
    expect(await migrate({ name: 'm', from: source.events, to: target }).done).toMatchObject({ written: 0 });
  });

  it('copies what a soft delete and settings hide, since that is in the log', async () => {
    const source = await logOf(['a', 'b', 'a']);
    await source.events.deleteStream('a');
    await source.events.setStreamMetadata('b', { truncateBefore: 1 });
    const target = memory();
    await migrate({ name: 'm', from: source.events, to: target }).done;
    expect(await streamsOf(target)).toEqual(['a', 'b', 'a']);
  });

  it('stops behind a position, and goes on from there', async () => {
    const source = await logOf(['a', 'b', 'a', 'c']);
    const target = memory();
    const options = { name: 'm', from: source.events, to: target };
    expect(await migrate({ ...options, until: 2n }).done).toMatchObject({ position: 2n, written: 2 });
    expect(await streamsOf(target)).toEqual(['a', 'b']);
    expect(await migrate({ ...options, until: 99n }).done).toMatchObject({ position: 4n, written: 2 });
  });

  it('renames streams and types, by a list or a function', async () => {
    const source = await logOf(['a', 'b']);
    const target = memory();
    const rename = {
      streams: { a: 'order-a' },
      types: (type: string) => `shop.${type}`,
    };
    await migrate({ name: 'm', from: source.events, to: target, rename }).done;
    expect((await everything(target.events)).map(({ stream, type }) => [stream, type])).toEqual([
      ['order-a', 'shop.Counted'],
      ['b', 'shop.Counted'],
    ]);
  });

  it('upcasts first, so that events arrive in their newest version', async () => {
    const schema = new Schema();
    schema.register(
      upcaster({
        event: 'Counted',
        from: 1,
        upcast: (data) => ({ count: (data as { readonly n: number }).n }),
      }),
    );
    const source = await logOf(['a', 'a']);
    const target = memory();
    await migrate({ name: 'm', from: source.events, to: target, schema }).done;
    expect((await everything(target.events)).map(({ data, schemaVersion }) => [data, schemaVersion])).toEqual(
      [
        [{ count: 0 }, 2],
        [{ count: 1 }, 2],
      ],
    );
  });

  it('makes one, several or no events of each, with ids that are the same in every run', async () => {
    const source = await logOf(['a', 'a', 'a']);
    const map: MigrationOptions['map'] = (event) => {
      if (event.version === 0) return undefined;
      if (event.version === 1) return [event, { stream: 'x', type: 'Made', data: null }];
      return { ...event, id: '0198C0DE-AAAA-7BBB-8CCC-DDDDEEEEFFFF' };
    };
    const targets = [memory(), memory()];
    for (const to of targets) await migrate({ name: 'm', from: source.events, to, map }).done;
    const [first, second] = await Promise.all(targets.map(({ events }) => everything(events)));
    const originals = await everything(source.events);
    expect(
      first?.map(({ stream, version, type, schemaVersion }) => [stream, version, type, schemaVersion]),
    ).toEqual([
      ['a', 0, 'Counted', 1],
      ['x', 0, 'Made', 1],
      ['a', 1, 'Counted', 1],
    ]);
    expect(first?.[0]?.id).toBe(originals[1]?.id);
    expect(first?.[2]?.id).toBe('0198c0de-aaaa-7bbb-8ccc-ddddeeeeffff');
    expect(first?.map(({ id }) => id)).toEqual(second?.map(({ id }) => id));
    expect(first?.map((event) => originOf(event)?.version)).toEqual([1, 1, 2]);
  });

  it('keeps the origin of an event that was migrated before, and does not let it flow on', async () => {
    const [one, two, three] = [await logOf(['a']), memory(), memory()];
    await migrate({ name: 'first', from: one.events, to: two }).done;
    await migrate({ name: 'second', from: two.events, to: three }).done;
    const [event] = await everything(three.events);
    expect(event && originOf(event)).toMatchObject({ migration: 'second', before: { migration: 'first' } });
    expect(await digestLog(three.events)).toEqual(await digestLog(one.events));
    const outgoing = new MessageContext({ messageId: event?.id, metadata: event?.metadata }).outgoing();
    expect(outgoing['$origin']).toBeUndefined();
    expect(originOf({ metadata: { $origin: 'mine' } })).toBeUndefined();
  });

  it('makes new streams of old ones within one store, and runs again', async () => {
    const store = await logOf(['order-1', 'order-2', 'order-1', 'other']);
    const options: MigrationOptions = {
      name: 'm',
      from: store.events,
      to: store,
      filter: { streamPrefixes: ['order-', 'order2-'] },
      rename: { streams: (stream) => stream.replace('order-', 'order2-') },
    };
    await migrate(options).done;
    await store.events.append('order-1', [counted(9)]);
    expect(await migrate(options).done).toMatchObject({ written: 1 });
    expect(await streamsOf(store)).toEqual([
      'order-1',
      'order-2',
      'order-1',
      'other',
      'order2-1',
      'order2-2',
      'order2-1',
      'order-1',
      'order2-1',
    ]);
  });

  it('follows the source until it is finished, and verifies', async () => {
    const source = await logOf(['a', 'b']);
    const target = memory();
    const migration = migrate({ name: 'm', from: source.events, to: target, follow: true });
    await migration.caughtUp();
    const { position } = await source.events.append('a', [counted(2)]);
    const arrived = target.events.subscribe({ after: 2n });
    for await (const { events } of arrived) if (events.length > 0) break;
    expect(migration.progress()?.phase).toBe('following');
    await source.events.append('c', [counted(3)]);
    const report = await migration.finish();
    expect(report).toMatchObject({ position: position + 1n, written: 4 });
    expect(await migration.finish()).toBe(report);
    expect(report.verification?.expected.count).toBe(4);
  });

  it('finished while nothing is left to copy, ends', async () => {
    const source = await logOf([]);
    const migration = migrate({ name: 'm', from: source.events, to: memory(), follow: true });
    await migration.caughtUp();
    expect(await migration.finish()).toMatchObject({ position: 0n, written: 0 });
    const plain = migrate({ name: 'm', from: source.events, to: memory() });
    expect(await plain.finish()).toMatchObject({ written: 0 });
  });

  it('says how far it is', async () => {
    const source = await logOf(Array.from({ length: 20 }, (_, n) => `s${n % 3}`));
    const seen: MigrationProgress[] = [];
    await migrate({
      name: 'm',
      from: source.events,
      to: memory(),
      batchSize: 5,
      onProgress: (progress) => seen.push(progress),
    }).done;
    expect(
      seen.map(({ phase, handled, written, total, fraction }) => ({
        phase,
        handled,
        written,
        total,
        fraction,
      })),
    ).toEqual([
      { phase: 'copying', handled: 5, written: 5, total: 20, fraction: 0.25 },
      { phase: 'copying', handled: 10, written: 10, total: 20, fraction: 0.5 },
      { phase: 'copying', handled: 15, written: 15, total: 20, fraction: 0.75 },
      { phase: 'copying', handled: 20, written: 20, total: 20, fraction: 1 },
      { phase: 'verifying', handled: 20, written: 20, total: 20, fraction: 1 },
    ]);
  });

  it('ends with the reason when it is aborted, and goes on later', async () => {
    const source = await logOf(['a', 'b', 'c', 'd']);
    const target = memory();
    const controller = new AbortController();
    const reason = new Error('enough');
    const options = { name: 'm', from: source.events, to: target, batchSize: 1 };
    const error = await failure({
      ...options,
      signal: controller.signal,
      onProgress: ({ handled }) => (handled === 2 ? controller.abort(reason) : undefined),
    });
    expect(error).toBe(reason);
    expect(await streamsOf(target)).toEqual(['a', 'b']);
    await migrate(options).done;
    expect(await digestLog(target.events)).toEqual(await digestLog(source.events));
    expect(await failure({ ...options, signal: AbortSignal.abort(reason) })).toBe(reason);
  });

  it('waits an outage out, and gives up when that lasts', async () => {
    const source = await logOf(['a', 'b', 'c', 'd', 'e', 'f']);
    const target = memory();
    const plain = fused(target, { transactional: false });
    let calls = 0;
    const away = { every: 2 };
    const to: MigrationOptions['to'] = {
      ...plain,
      events: {
        ...plain.events,
        append: async (...parameters) => {
          calls += 1;
          const result = await target.events.append(...parameters);
          if (calls % away.every === 0) throw new StoreUnavailableError('away');
          return result;
        },
      },
    };
    const retry = { attempts: 2, initialDelayMs: 1, maxDelayMs: 1 };
    const options = { name: 'm', from: source.events, to, batchSize: 2, retry };
    await migrate(options).done;
    expect(await digestLog(target.events)).toEqual(await digestLog(source.events));
    away.every = 1;
    await source.events.append('g', [counted(1)]);
    await source.events.append('h', [counted(1)]);
    await source.events.append('i', [counted(1)]);
    expect(await failure(options)).toBeInstanceOf(StoreUnavailableError);
  });
});

describe('a migration refuses', () => {
  it('a target that is not empty, unless told to, and then streams that are there', async () => {
    const source = await logOf(['a', 'b']);
    const target = await logOf(['z', 'b']);
    const options = { name: 'm', from: source.events, to: target };
    const error = await failure(options);
    expect(error).toBeInstanceOf(MigrationError);
    expect(String(error)).toContain('the target is not empty: its first event is in stream "z"');
    expect(await target.checkpoints.load('migration:m')).toBeUndefined();
    expect(String(await failure({ ...options, into: 'existing' }))).toContain(
      'stream "b" of the target is at version 0, which is not of this migration',
    );
    // Run again, it finds the same by looking at the stream.
    expect(String(await failure({ ...options, into: 'existing' }))).toContain('somebody else writes to it');
    const rename = { streams: { b: 'new-b' } };
    await migrate({ ...options, name: 'n', into: 'existing', filter: { streamPrefixes: ['b'] }, rename })
      .done;
    expect(await streamsOf(target)).toEqual(['z', 'b', 'new-b']);
  });

  it('one store without new names, and a stream that would be copied into itself', async () => {
    const store = await logOf(['a', 'b']);
    const options = { name: 'm', from: store.events, to: store };
    expect(() => migrate(options)).toThrow('from and to are the same store');
    expect(() => migrate({ ...options, rename: { types: { A: 'B' } } })).toThrow(MigrationError);
    expect(() => migrate({ ...options, into: 'empty', map: () => [] })).toThrow('cannot be empty');
    expect(String(await failure({ ...options, rename: { streams: { a: 'a2' } } }))).toContain(
      'an event cannot be copied into its own stream ("b")',
    );
  });

  it('bad names, positions and batch sizes', async () => {
    const [source, to] = [memory(), memory()];
    const options = { name: 'm', from: source.events, to };
    expect(() => migrate({ ...options, name: '' })).toThrow(InvalidArgumentError);
    expect(() => migrate({ ...options, batchSize: 0 })).toThrow(InvalidArgumentError);
    expect(() => migrate({ ...options, until: JSON.parse('5') })).toThrow(InvalidArgumentError);
  });

  it('transformations that fail, and says at which event', async () => {
    const source = await logOf(['a', 'a']);
    const options = { name: 'm', from: source.events, to: memory() };
    const cause = new Error('no');
    const error = await failure({
      ...options,
      map: (event) => {
        if (event.version === 1) throw cause;
        return event;
      },
    });
    expect(String(error)).toContain('failed on event 1 of stream "a" ("Counted")');
    expect(error).toMatchObject({ code: 'migration', cause });
    const schema = new Schema();
    schema.register(
      upcaster({
        event: 'Counted',
        from: 1,
        upcast: () => {
          throw cause;
        },
      }),
    );
    expect(await failure({ ...options, name: 'n', schema })).toBeInstanceOf(UpcastError);
  });

  it('two events with one id in one stream', async () => {
    const source = memory();
    const id = '0198c0de-aaaa-7bbb-8ccc-ddddeeeeffff';
    await source.events.append('a', [counted(0, { id })]);
    await source.events.append('b', [counted(1, { id })]);
    const rename = { streams: () => 'both' };
    for (const transactional of [true, false]) {
      const to = fused(memory(), { transactional });
      const error = await failure({ name: 'm', from: source.events, to, rename, batchSize: 1 });
      expect(String(error)).toContain(`event ${id} would be in stream "both" twice`);
    }
  });

  it('writers beside it', async () => {
    const source = await logOf(['a', 'a', 'a']);
    for (const transactional of [true, false]) {
      const target = memory();
      const error = await failure({
        name: 'm',
        from: source.events,
        to: fused(target, { transactional }),
        batchSize: 1,
        onProgress: () => void target.events.append('a', [counted(99)]),
      });
      expect(error).toBeInstanceOf(MigrationError);
    }
  });

  it('to run twice at once', async () => {
    const source = await logOf(Array.from({ length: 50 }, () => 'a'));
    const target = memory();
    const options = { name: 'm', from: source.events, to: target, batchSize: 1 };
    const outcomes = await Promise.allSettled([migrate(options).done, migrate(options).done]);
    const refused = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    expect(refused.length).toBeGreaterThan(0);
    for (const reason of refused) {
      expect([MigrationError, CheckpointConflictError]).toContainEqual(reason.constructor);
    }
    await migrate(options).done;
    expect(await digestLog(target.events)).toEqual(await digestLog(source.events));
  });

  it('a source that is closed under it', async () => {
    const source = await logOf(['a']);
    const migration = migrate({ name: 'm', from: source.events, to: memory(), follow: true });
    await migration.caughtUp();
    await source.close();
    await expect(migration.done).rejects.toThrow('the source was closed before all was copied');
    await expect(migration.caughtUp()).resolves.toBeUndefined();
  });
});

describe('the verification', () => {
  const migrated = async (): Promise<{ readonly source: Backend; readonly target: Backend }> => {
    const source = await logOf(['a', 'b', 'a', 'c']);
    const target = memory();
    await migrate({ name: 'm', from: source.events, to: target }).done;
    return { source, target };
  };

  it.each([
    ['an event too many', 'a', 'count', 3],
    ['a stream too many', 'new', 'unexpected', 1],
  ])('finds %s', async (_, stream, kind, actual) => {
    const { source, target } = await migrated();
    const [first] = await everything(target.events);
    await target.events.append(stream, [counted(7, { metadata: first?.metadata })]);
    const error = await failure({ name: 'm', from: source.events, to: target });
    expect(error).toBeInstanceOf(MigrationVerificationError);
    expect(error).toMatchObject({ differences: [{ stream, kind, actual }], order: false });
    expect(String(error)).toContain(`"${stream}"`);
  });

  it('finds foreign events among the migrated ones', async () => {
    const { source, target } = await migrated();
    await target.events.append('a', [counted(7)]);
    const [first] = await everything(target.events);
    await target.events.append('a', [counted(8, { metadata: first?.metadata })]);
    expect(await failure({ name: 'm', from: source.events, to: target })).toMatchObject({
      differences: [{ stream: 'a', kind: 'count', expected: 2, actual: 4, firstDifference: 2 }],
    });
  });

  it('finds changed content, a missing stream, and an order that differs', async () => {
    const { source, target } = await migrated();
    const copies = await everything(target.events);
    const rebuilt = async (order: readonly number[], data?: unknown): Promise<Backend> => {
      const backend = memory();
      for (const index of order) {
        const copy = copies[index];
        if (copy === undefined) throw new Error('no such event');
        const { stream, id, type, metadata } = copy;
        const changed = index === 2 && data !== undefined ? data : copy.data;
        await backend.events.append(stream, [{ id, type, metadata, data: changed }]);
      }
      await backend.checkpoints.move({
        processor: 'migration:m',
        segment: 0,
        previous: undefined,
        position: 4n,
      });
      return backend;
    };
    const verify = async (to: Backend): Promise<unknown> => failure({ name: 'm', from: source.events, to });
    expect(await verify(await rebuilt([0, 1, 2, 3], { n: 99 }))).toMatchObject({
      differences: [{ stream: 'a', kind: 'content', expected: 2, actual: 2, firstDifference: 1 }],
    });
    expect(await verify(await rebuilt([0, 1, 2]))).toMatchObject({
      differences: [{ stream: 'c', kind: 'missing', expected: 1, actual: 0 }],
    });
    const inOtherOrder = await verify(await rebuilt([1, 0, 2, 3]));
    expect(inOtherOrder).toMatchObject({ differences: [], order: true });
    expect(String(inOtherOrder)).toContain('in another order');
  });

  it('can be left out', async () => {
    const { source, target } = await migrated();
    const options = { name: 'm', from: source.events, to: target, verify: false };
    expect((await migrate(options).done).verification).toBeUndefined();
    const following = migrate({ ...options, follow: true });
    await following.caughtUp();
    expect((await following.finish()).verification).toBeUndefined();
  });

  it('names only the first few streams, but lists all', async () => {
    const source = await logOf(Array.from({ length: 8 }, (_, n) => `s${n}`));
    const target = memory();
    await target.checkpoints.move({
      processor: 'migration:m',
      segment: 0,
      previous: undefined,
      position: 8n,
    });
    const error = await failure({ name: 'm', from: source.events, to: target });
    expect(error).toMatchObject({ differences: { length: 8 } });
    expect(String(error)).toContain('; …');
  });

  it('compares content, not the order of keys, nor how ids are written', async () => {
    const [one, two] = [memory(), memory()];
    const id = '0198c0de-aaaa-7bbb-8ccc-ddddeeeeffff';
    await one.events.append('a', [{ id, type: 'A', data: { x: [1, { b: 1, a: null }], y: 'é' } }]);
    await two.events.append('a', [
      { id: id.toUpperCase(), type: 'A', data: { y: 'é', x: [1, { a: null, b: 1 }] } },
    ]);
    expect(await digestLog(one.events)).toEqual(await digestLog(two.events));
    await two.events.append('a', [{ type: 'A', data: 1 }]);
    expect((await digestLog(two.events)).digest).not.toBe((await digestLog(one.events)).digest);
    expect(await digestLog(two.events, { to: 1n })).toEqual(await digestLog(one.events));
  });
});
