import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type Application,
  type Backend,
  createApp,
  type DocumentStore,
  memory,
  type Transaction,
} from '@tidemark/core';
import {
  documentProjection,
  type DocumentProjectionDefinition,
  type OnDocument,
  Projections,
  type RebuildProgress,
  RebuildInProgressError,
  RebuildStoppedError,
} from './index.js';

interface Count {
  readonly count: number;
  readonly version: number;
}

const counter = (
  version = 1,
  fold?: (position: bigint) => void,
): DocumentProjectionDefinition<Count, 'count'> =>
  documentProjection({
    name: 'counter',
    version,
    indexes: ['count'],
    retry: { attempts: 1 },
    handlers: (on: OnDocument<Count>) => [
      on(
        'counted',
        (_: { key: string }, document, { event }) => {
          fold?.(event.position);
          return { count: (document?.count ?? 0) + 1, version };
        },
        { key: 'key' },
      ),
    ],
  });

const running: Application[] = [];

const start = async (definition: DocumentProjectionDefinition<Count, 'count'>, backend: Backend) => {
  const app = createApp({ backend, register: [definition] });
  running.push(app);
  await app.start();
  const projections = app.get(Projections);
  return { app, projections, counts: projections.of(definition) };
};

const count = async (backend: Backend, events: number, keys = 7): Promise<bigint> => {
  const { position } = await backend.events.append(
    'counts',
    Array.from({ length: events }, (_, index) => ({ type: 'counted', data: { key: `k${index % keys}` } })),
  );
  return position;
};

const collections = async (
  documents: DocumentStore,
  names: readonly string[],
): Promise<readonly string[]> => {
  const found = await Promise.all(
    names.map((name) =>
      documents.count(name).then(
        (documentsIn) => (documentsIn > 0 ? [name] : []),
        () => [],
      ),
    ),
  );
  return found.flat();
};

/** A backend on the same data whose transactions can be made to fail, before or after their work. */
const fragile = (backend: Backend, fails: (phase: 'before' | 'after') => void): Backend => ({
  name: backend.name,
  sql: backend.sql,
  events: backend.events,
  checkpoints: backend.checkpoints,
  snapshots: backend.snapshots,
  documents: backend.documents,
  timers: backend.timers,
  leases: backend.leases,
  deadLetters: backend.deadLetters,
  nodes: backend.nodes,
  open: () => backend.open(),
  close: async () => undefined,
  transaction: (work) =>
    backend.transaction(async (tx: Transaction) => {
      fails('before');
      const result = await work(tx);
      fails('after');
      return result;
    }),
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.stop()));
});

describe('a rebuild', () => {
  it('builds a new generation beside the old one, switches, drops the old one, and tells its progress', async () => {
    const backend = memory();
    const { projections, counts } = await start(counter(), backend);
    await projections.waitFor(await count(backend, 100));
    const seen: RebuildProgress[] = [];
    const result = await projections.rebuild('counter', { batchSize: 10, onProgress: (at) => seen.push(at) });
    expect(result).toEqual({ projection: 'counter', generation: 2, handled: 100, continuedFrom: undefined });
    expect(seen.at(-1)).toMatchObject({ generation: 2, handled: 100, fraction: 1, etaMs: 0 });
    expect(seen.map(({ handled }) => handled)).toEqual(
      [...seen].map(({ handled }) => handled).toSorted((a, b) => a - b),
    );
    expect(await counts.count()).toBe(7);
    expect(await counts.get('k0')).toEqual({ count: 15, version: 1 });
    expect(projections.status('counter')).toMatchObject({
      active: { number: 2, version: 1 },
      building: undefined,
      rebuild: undefined,
    });
    expect(await collections(backend.documents, ['counter@1', 'counter@2'])).toEqual(['counter@2']);
    expect(await backend.checkpoints.load('counter@1')).toBeUndefined();
  });

  it('pitfall 17: repeats and loses nothing while events come in all the time', async () => {
    const backend = memory();
    const { projections, counts } = await start(counter(), backend);
    await count(backend, 500);
    let appended = 500;
    const rebuilt = new AbortController();
    const appending = (async () => {
      while (!rebuilt.signal.aborted) {
        await count(backend, 3, 3);
        appended += 3;
        await setImmediate();
      }
    })();
    for (let round = 0; round < 5; round += 1) await projections.rebuild('counter', { batchSize: 50 });
    rebuilt.abort();
    await appending;
    await projections.waitFor(await count(backend, 1));
    const { documents } = await counts.find();
    expect(documents.reduce((sum, { document }) => sum + document.count, 0)).toBe(appended + 1);
    expect(projections.status('counter').active.number).toBe(6);
  });

  it('never shows a reader the time before what it has seen', async () => {
    const backend = memory();
    const { projections, counts } = await start(counter(), backend);
    await projections.waitFor(await count(backend, 1));
    const rebuilt = projections.rebuild('counter');
    for (let expected = 2; expected < 40; expected += 1) {
      await projections.waitFor(await count(backend, 1));
      expect((await counts.get('k0'))?.count).toBe(expected);
    }
    await rebuilt;
    expect((await counts.get('k0'))?.count).toBe(39);
  });

  it('is stopped by its signal and goes on where it was when it is called again', async () => {
    const backend = memory();
    const { projections, counts } = await start(counter(), backend);
    await projections.waitFor(await count(backend, 200));
    const controller = new AbortController();
    const reason = new Error('enough for today');
    const stopped: unknown = await projections
      .rebuild('counter', {
        batchSize: 10,
        signal: controller.signal,
        onProgress: ({ handled }) => {
          if (handled >= 50) controller.abort(reason);
        },
      })
      .catch((error: unknown) => error);
    expect(stopped).toBeInstanceOf(RebuildStoppedError);
    expect(stopped).toMatchObject({ projection: 'counter', cause: reason });
    const { position } = stopped as RebuildStoppedError;
    expect(position).toBeGreaterThanOrEqual(50n);
    expect(projections.status('counter')).toMatchObject({ active: { number: 1 }, building: { number: 2 } });
    expect(await counts.get('k0')).toEqual({ count: 29, version: 1 });

    const { continuedFrom, handled, generation } = await projections.rebuild('counter');
    expect({ continuedFrom, generation }).toEqual({ continuedFrom: position, generation: 2 });
    expect(BigInt(handled) + position).toBe(200n);
    expect(await counts.get('k0')).toEqual({ count: 29, version: 1 });
  });

  it('begins anew where that is wanted, and drops what was begun', async () => {
    const backend = memory();
    const { projections } = await start(counter(), backend);
    await projections.waitFor(await count(backend, 20));
    const aborted = AbortSignal.abort(new Error('at once'));
    await expect(projections.rebuild('counter', { signal: aborted })).rejects.toThrow(RebuildStoppedError);
    const result = await projections.rebuild('counter', { fresh: true });
    expect(result).toMatchObject({ generation: 3, handled: 20, continuedFrom: undefined });
    expect(await collections(backend.documents, ['counter@1', 'counter@2', 'counter@3'])).toEqual([
      'counter@3',
    ]);
  });

  it('goes on after the process has died at any moment, before the switch and after it', async () => {
    const backend = memory();
    await count(backend, 60);
    // Every transaction of the rebuild is the last one once, with its work done or not begun.
    for (let life = 0; life < 28; life += 1) {
      let left = Number.POSITIVE_INFINITY;
      const dying = fragile(backend, (phase) => {
        if (phase === 'before') left -= 1;
        // Half of them die with the work done and not committed.
        if (left < 0 || (left === 0 && phase === 'after' && life % 2 === 0)) throw new Error('killed');
      });
      const before = await start(counter(), dying);
      left = Math.floor(life / 2);
      await before.projections.rebuild('counter', { batchSize: 10 }).catch(() => undefined);
      left = -1;
      await before.app.stop().catch(() => undefined);

      const after = await start(
        counter(),
        fragile(backend, () => undefined),
      );
      await after.projections.rebuild('counter', { batchSize: 10 });
      await after.projections.waitFor(await backend.events.head());
      const { documents } = await after.counts.find();
      expect(documents.reduce((sum, { document }) => sum + document.count, 0)).toBe(60);
      await after.app.stop();
    }
  });

  it('ends with what its listener throws, and goes on when it is called again', async () => {
    const backend = memory();
    const { projections } = await start(counter(), backend);
    await projections.waitFor(await count(backend, 50));
    const onProgress = (): never => {
      throw new Error('the terminal is gone');
    };
    await expect(projections.rebuild('counter', { batchSize: 10, onProgress })).rejects.toThrow(
      'the terminal is gone',
    );
    expect(await projections.rebuild('counter')).toMatchObject({ generation: 2 });
  });

  it('is refused while one of the same projection is under way', async () => {
    const backend = memory();
    const { projections } = await start(counter(), backend);
    await count(backend, 10);
    const first = projections.rebuild('counter');
    await expect(projections.rebuild('counter')).rejects.toThrow(RebuildInProgressError);
    await first;
    await projections.rebuild('counter');
  });

  it('ends with the application, and says so', async () => {
    const backend = memory();
    const { app, projections } = await start(
      counter(),
      fragile(backend, () => undefined),
    );
    await count(backend, 100);
    const ended = new Promise((resolve) => {
      void projections
        .rebuild('counter', {
          batchSize: 1,
          onProgress: ({ handled }) => {
            if (handled === 20) void app.stop();
          },
        })
        .catch(resolve);
    });
    expect(await ended).toMatchObject({ code: 'rebuild-stopped' });
    await app.stop();
    expect(projections.status('counter').processor?.state).toBe('stopped');
  });

  it('that fails leaves the read model as it was, and the live projection running', async () => {
    const backend = memory();
    let isPoisoned = false;
    const { projections, counts } = await start(
      counter(1, () => {
        if (isPoisoned) throw new Error('no longer countable');
      }),
      backend,
    );
    await projections.waitFor(await count(backend, 7));
    isPoisoned = true;
    await expect(projections.rebuild('counter')).rejects.toThrow(/no longer countable/);
    isPoisoned = false;
    await projections.waitFor(await count(backend, 7));
    expect(await counts.get('k0')).toEqual({ count: 2, version: 1 });
    expect(await projections.rebuild('counter')).toMatchObject({ generation: 2 });
  });

  it('leaves a paused projection paused, and gives a failed one another chance', async () => {
    const backend = memory();
    let isPoisoned = false;
    const { app, projections } = await start(
      counter(1, () => {
        if (isPoisoned) throw new Error('not now');
      }),
      backend,
    );
    await projections.waitFor(await count(backend, 3));
    const runner = app.processors.get('counter');
    await runner?.pause();
    await projections.rebuild('counter');
    expect(runner?.status().state).toBe('paused');
    await runner?.resume();

    isPoisoned = true;
    await expect(projections.waitFor(await count(backend, 3))).rejects.toThrow(/not now/);
    expect(runner?.status().state).toBe('failed');
    isPoisoned = false;
    await projections.rebuild('counter');
    await projections.waitFor(await count(backend, 1));
    expect(runner?.status().state).toBe('running');

    await runner?.stop();
    await projections.rebuild('counter');
    expect(runner?.status().state).toBe('stopped');
  });

  it('pitfalls 3 and 17: rolls back another instance that still feeds the old generation, which goes on with the new one', async () => {
    const backend = memory();
    const old = await start(
      counter(),
      fragile(backend, () => undefined),
    );
    await old.projections.waitFor(await count(backend, 10));
    await old.app.processors.get('counter')?.pause();
    let isUndroppable = false;
    const other = await start(
      counter(),
      fragile(backend, (phase) => {
        if (isUndroppable && phase === 'after' && other.projections.status('counter').active.number === 2) {
          throw new Error('locked');
        }
      }),
    );
    isUndroppable = true;
    await other.projections.rebuild('counter');
    expect(other.app.health()).toMatchObject({
      status: 'degraded',
      reasons: ['Old generations of projection "counter" could not be dropped: locked'],
    });
    isUndroppable = false;
    await old.app.processors.get('counter')?.resume();
    const position = await count(backend, 7);
    await other.projections.waitFor(position);
    await old.projections.waitFor(position);
    for (const { counts } of [old, other]) expect(await counts.get('k0')).toEqual({ count: 3, version: 1 });
    expect(await old.projections.rebuild('counter')).toMatchObject({ generation: 3 });
  });
});

describe('exactly once', () => {
  it('writes nothing when the transaction fails after the handler, and counts the events once when it is repeated', async () => {
    const backend = memory();
    let failures = 0;
    const definition = documentProjection({
      name: 'once',
      key: 'key',
      retry: { attempts: 5, initialDelayMs: 1 },
      handlers: (on: OnDocument<Count>) => [
        on('counted', (_: { key: string }, document) => ({ count: (document?.count ?? 0) + 1, version: 1 })),
      ],
    });
    let isUp = false;
    const app = createApp({
      backend: fragile(backend, (phase) => {
        if (!isUp || phase === 'before') return;
        failures += 1;
        if (failures <= 3) throw new Error('lost the connection');
      }),
      register: [definition],
    });
    running.push(app);
    await app.start();
    isUp = true;
    const projections = app.get(Projections);
    await projections.waitFor(await count(backend, 5, 1));
    expect(failures).toBeGreaterThan(3);
    expect(await projections.of(definition).get('k0')).toEqual({ count: 5, version: 1 });
  });
});

describe('a raised version', () => {
  it('is built in the background while the old documents answer, then takes over', async () => {
    const backend = memory();
    const first = await start(
      counter(1),
      fragile(backend, () => undefined),
    );
    await first.projections.waitFor(await count(backend, 14));
    await first.app.stop();

    let isHeld = true;
    let touched = 0;
    const held = fragile(backend, () => undefined);
    const second = await start(
      counter(2, () => {
        touched += 1;
        if (isHeld) throw new Error('held');
      }),
      held,
    );
    await expect(second.projections.waitFor(await backend.events.head())).rejects.toThrow(/held/);
    expect(touched).toBeGreaterThan(0);
    expect(second.projections.status('counter')).toMatchObject({
      active: { number: 1, version: 1 },
      building: { number: 2, version: 2 },
    });
    expect(await second.counts.get('k0')).toEqual({ count: 2, version: 1 });
    await expect(second.projections.rebuild('counter')).rejects.toThrow(RebuildInProgressError);
    await second.app.stop();

    isHeld = false;
    const third = await start(counter(2), held);
    await third.projections.waitFor(await count(backend, 7), { timeoutMs: 20_000 });
    expect(await third.counts.get('k0')).toEqual({ count: 3, version: 2 });
    expect(third.projections.status('counter')).toMatchObject({ active: { number: 2, version: 2 } });
    await third.app.stop();
    expect(await collections(backend.documents, ['counter@1', 'counter@2'])).toEqual(['counter@2']);
  });

  it('that is taken back is built again, and what was begun is dropped', async () => {
    const backend = memory();
    for (const version of [1, 2, 1, 3]) {
      const { app, projections, counts } = await start(
        counter(version),
        fragile(backend, () => undefined),
      );
      await projections.waitFor(await count(backend, 7));
      expect(await counts.get('k0')).toMatchObject({ version });
      await app.stop();
    }
    expect(
      await collections(backend.documents, ['counter@1', 'counter@2', 'counter@3', 'counter@4']),
    ).toEqual(['counter@4']);
  });

  it('is switched to again when that fails, and shows in the health meanwhile', async () => {
    const backend = memory();
    const first = await start(
      counter(1),
      fragile(backend, () => undefined),
    );
    await first.projections.waitFor(await count(backend, 7));
    await first.app.stop();

    let transactions = 0;
    let refused = 0;
    const stubborn = fragile(backend, (phase) => {
      if (phase === 'before') transactions += 1;
      // The first makes the generation, the second feeds it: then comes the switch.
      if (phase === 'after' && transactions > 2 && refused < 1) {
        refused += 1;
        throw new Error('not yet');
      }
    });
    const second = await start(counter(2), stubborn);
    const head = await backend.events.head();
    await expect(second.projections.waitFor(head, { timeoutMs: 50 })).rejects.toThrow(/the time is up/i);
    expect(second.app.health()).toMatchObject({
      status: 'degraded',
      reasons: ['The new version of projection "counter" is built but could not be switched to: not yet'],
    });
    await second.projections.waitFor(head);
    expect(await second.counts.get('k0')).toEqual({ count: 1, version: 2 });
    expect(second.app.health()).toMatchObject({ status: 'up', reasons: [] });
  });
});
