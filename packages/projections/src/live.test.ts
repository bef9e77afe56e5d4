import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type Application,
  ConfigurationError,
  createApp,
  InvalidArgumentError,
  memory,
  On,
} from '@tidemark/core';
import {
  documentProjection,
  type DocumentProjectionDefinition,
  LiveLimitError,
  type LiveSource,
  type OnDocument,
  Projection,
  Projections,
  UnknownProjectionError,
} from './index.js';

interface Tally {
  readonly count: number;
  readonly at: Date | string;
}

const tally = (
  source?: LiveSource,
  mode: 'live' | 'async' = 'live',
  name = 'tally',
): DocumentProjectionDefinition<Tally> =>
  documentProjection({
    name,
    mode,
    source,
    handlers: (on: OnDocument<Tally>) => [
      on(
        'counted',
        (_: { key: string }, document, { event }) => ({
          count: (document?.count ?? 0) + 1,
          at: event.recordedAt,
        }),
        { key: 'key' },
      ),
      on('cleared', () => null, { key: 'key' }),
    ],
  });

@Projection({ name: 'sums', mode: 'live', key: 'key', source: (key) => `sum-${key}` })
class Sums {
  @On('counted') counted(_: { key: string }, sum: { total: number } | undefined): { total: number } {
    return { total: (sum?.total ?? 0) + 1 };
  }
}

const running: Application[] = [];

const start = async (...register: (DocumentProjectionDefinition<Tally> | typeof Sums)[]) => {
  const backend = memory();
  const app = createApp({ backend, register });
  running.push(app);
  await app.start();
  const count = (stream: string, key: string, type = 'counted') =>
    backend.events.append(stream, [{ type, data: { key } }]);
  return { app, backend, count, projections: app.get(Projections) };
};

afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.stop()));
});

describe('a live projection', () => {
  it('is folded from one stream, also as of a version or a position', async () => {
    const { count, projections } = await start(Sums);
    const sums = projections.live(Sums);
    expect(await sums.get('a')).toBeUndefined();
    await count('sum-a', 'a');
    await count('sum-b', 'b');
    const { position } = await count('sum-a', 'a');
    await count('sum-a', 'a');
    expect(await sums.get('a')).toEqual({ total: 3 });
    expect(await sums.get('a', { asOf: { version: 1 } })).toEqual({ total: 2 });
    expect(await sums.get('a', { asOf: { position } })).toEqual({ total: 2 });
    expect(await sums.get('a', { asOf: { position: 0n } })).toBeUndefined();
    expect(await sums.get('a', { asOf: { version: -1 } })).toBeUndefined();
    expect(await sums.get('b')).toEqual({ total: 1 });
  });

  it('gives the document that the stored read model has, as it would be stored', async () => {
    const stored = tally(undefined, 'async', 'stored');
    const { count, projections } = await start(stored, tally());
    await count('s', 'a');
    await count('s', 'b');
    await count('t', 'a');
    const { position } = await count('t', 'b', 'cleared');
    await count('t', 'b');
    await projections.waitFor(5n);
    for (const key of ['a', 'b']) {
      const document = await projections.of(stored).get(key);
      expect(document).toBeDefined();
      expect(await projections.live(stored).get(key)).toEqual(document);
      expect(await projections.live(tally()).get(key)).toEqual(document);
    }
    expect(await projections.live(stored).get('b', { asOf: { position } })).toBeUndefined();
  });

  it('takes its events from several streams in the order of the log, or by a filter', async () => {
    const streams = await start(tally((key) => [`one-${key}`, `two-${key}`, `one-${key}`]));
    for (const [stream, type] of [
      ['two-a', 'counted'],
      ['one-a', 'cleared'],
      ['two-a', 'counted'],
      ['three-a', 'counted'],
    ] as const) {
      await streams.count(stream, 'a', type);
    }
    const live = streams.projections.live(tally());
    expect(await live.get('a')).toMatchObject({ count: 1 });
    expect(await live.get('a', { asOf: { position: 1n } })).toMatchObject({ count: 1 });
    await expect(live.get('a', { asOf: { version: 1 } })).rejects.toThrow(InvalidArgumentError);

    const filtered = await start(tally(() => ({ streamPrefixes: ['two'], types: ['counted', 'unheard'] })));
    for (const stream of ['one-a', 'two-a', 'two-b']) await filtered.count(stream, 'a');
    await filtered.count('two-a', 'a', 'cleared');
    expect(await filtered.projections.live(tally()).get('a')).toMatchObject({ count: 2 });
  });

  const sources: readonly (readonly [string, LiveSource])[] = [
    ['a stream', () => 'sum-a'],
    ['several streams', () => ['sum-a', 'sum-b']],
    ['a filter', () => ({})],
  ];

  it.each(sources)('reads no more events than its limit from %s, and says what to do', async (_, source) => {
    const { count, projections } = await start(tally(source));
    for (const stream of ['sum-a', 'sum-b', 'sum-a', 'sum-a']) await count(stream, 'a');
    const live = projections.live(tally());
    await expect(live.get('a', { limit: 2 })).rejects.toThrow(LiveLimitError);
    await expect(live.get('a', { limit: 2 })).rejects.toThrow(/needs more than 2 events for "a"/);
    expect(await live.get('a', { limit: 4 })).toBeDefined();
    await expect(live.get('a', { limit: 0 })).rejects.toThrow(InvalidArgumentError);
    const reason = new Error('enough');
    await expect(live.get('a', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('stores nothing, so it cannot be queried, rebuilt or waited for', async () => {
    const { backend, app, projections } = await start(Sums);
    expect(() => projections.of(Sums)).toThrow(/is live: nothing of it is stored/);
    await expect(projections.rebuild(Sums)).rejects.toThrow(ConfigurationError);
    expect(() => projections.live(tally())).toThrow(UnknownProjectionError);
    expect(projections.list()).toEqual([]);
    await projections.waitFor(7n);
    expect(app.processors.size).toBe(0);
    expect(await backend.checkpoints.list()).toEqual([]);
  });
});
