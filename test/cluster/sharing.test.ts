import { setTimeout as wait } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { postgres } from '@tidemark/adapters/postgres';
import { createApp, type Application, type ProcessorDefinition } from '@tidemark/core';
import { startPostgres, type TestServer } from '../support/postgres-server.js';

interface Handled {
  readonly node: string;
  readonly stream: string;
  readonly version: number;
  readonly fencingToken: number;
}

describe('nodes that share the work of a processor', () => {
  let server: TestServer;
  let schema = '';
  let handled: Handled[] = [];
  let apps: Application[] = [];
  beforeAll(async () => {
    server = await startPostgres();
  }, 120_000);
  afterAll(() => server.close());
  beforeEach(() => {
    schema = server.schema();
    handled = [];
    apps = [];
  });
  afterEach(async () => {
    await Promise.all(apps.map((app) => app.stop()));
  });

  const noter = (node: string, segments?: number): ProcessorDefinition => ({
    kind: 'processor',
    name: 'noter',
    definedAt: 'sharing.test.ts',
    messages: [],
    segments,
    delivery: {
      mode: 'each',
      handle: ({ stream, version }, { fencingToken = 0 }) =>
        void handled.push({ node, stream, version, fencingToken }),
    },
  });
  const start = async (node: string, segments?: number): Promise<Application> => {
    const backend = postgres({ connectionString: server.connectionString, schema, pollMs: 50 });
    const app = createApp({
      backend,
      register: [noter(node, segments)],
      node: { name: node },
      leaseMs: 2_000,
    });
    apps.push(app);
    await app.start();
    return app;
  };
  const segmentsOf = (app: Application): readonly string[] =>
    app.processors.get('noter')?.status().segments ?? [];
  const until = async (condition: () => boolean): Promise<void> => {
    for (const end = performance.now() + 45_000; !condition(); await wait(10)) {
      if (performance.now() < end) continue;
      const segments = apps.map((app) => segmentsOf(app).join(' '));
      throw new Error(
        `Not within 45 s: ${String(condition)}; handled ${handled.length}; segments ${segments.join(' | ')}`,
      );
    }
  };
  const headOf = async (): Promise<bigint> => {
    const backend = postgres({ connectionString: server.connectionString, schema });
    await backend.open();
    try {
      return await backend.events.head();
    } finally {
      await backend.close();
    }
  };
  const appended = async (streams: number, each: number): Promise<void> => {
    const backend = postgres({ connectionString: server.connectionString, schema });
    await backend.open();
    for (let n = 0; n < each; n++) {
      await Promise.all(
        Array.from({ length: streams }, (_, stream) =>
          backend.events.append(`s${stream}`, [{ type: 'T', data: n }]),
        ),
      );
    }
    await backend.close();
  };
  const versionsOf = (stream: number): readonly number[] =>
    handled.filter((one) => one.stream === `s${stream}`).map(({ version }) => version);
  /** Every event once, and those of each stream in order. */
  const expectAll = (streams: number, each: number): void => {
    for (let stream = 0; stream < streams; stream++) {
      expect(versionsOf(stream)).toEqual(Array.from({ length: each }, (_, n) => n));
    }
    expect(handled).toHaveLength(streams * each);
  };

  it('one has all segments when it is alone, and reads the log once for all', async () => {
    const app = await start('a');
    expect(segmentsOf(app)).toHaveLength(16);
    await appended(20, 3);
    await until(() => handled.length >= 60);
    expectAll(20, 3);
    expect(app.health()).toMatchObject({ status: 'up' });
  }, 60_000);

  it('one that comes gets its share, handed over in good order; one that leaves gives it back', async () => {
    const first = await start('a');
    const writing = appended(40, 40);
    await until(() => handled.length > 200);
    const second = await start('b');
    await until(() => segmentsOf(first).length === 8 && segmentsOf(second).length === 8);
    expect(new Set([...segmentsOf(first), ...segmentsOf(second)]).size).toBe(16);
    await writing;
    await appended(40, 20);
    await until(() => handled.length >= 40 * 60);
    expectAll(40, 60);
    for (const { stream } of handled) {
      const tokens = handled.filter((one) => one.stream === stream).map(({ fencingToken }) => fencingToken);
      expect(tokens).toEqual(tokens.toSorted((one, other) => one - other));
      expect(tokens[0]).toBeGreaterThan(0);
    }
    expect(new Set(handled.map(({ node }) => node))).toEqual(new Set(['a', 'b']));
    await first.stop();
    await until(() => segmentsOf(second).length === 16);
    handled = [];
    await appended(5, 1);
    await until(() => handled.length >= 5);
    expect(new Set(handled.map(({ node }) => node))).toEqual(new Set(['b']));
  }, 60_000);

  it('are divided anew while they work, into more segments and into fewer, and lose and double nothing', async () => {
    const nodes = [await start('a', 2), await start('b', 2)];
    await until(() => nodes.every((app) => segmentsOf(app).length === 1));
    let each = 0;
    for (const segments of [8, 32, 4, 1, 2]) {
      const writing = appended(25, 20);
      each += 20;
      await nodes[each % 2]?.divide('noter', segments);
      const wanted = Array.from({ length: segments }, (_, id) => `${id}/${segments - 1}`);
      await until(() => isDeepStrictEqual(nodes.flatMap(segmentsOf).toSorted(), wanted.toSorted()));
      await writing;
      await until(() => handled.length >= 25 * each);
      expectAll(25, each);
    }
    await expect(nodes[0]?.divide('noter', 3)).rejects.toThrow('power of two');
    await expect(nodes[0]?.divide('nobody', 2)).rejects.toThrow('not registered');
  }, 60_000);

  it('any of them can wait until all of them have handled what was appended', async () => {
    const [first, second] = [await start('a'), await start('b')];
    await until(() => segmentsOf(first).length === 8 && segmentsOf(second).length === 8);
    await appended(30, 2);
    const head = await headOf();
    await Promise.all([first.waitFor(head), second.waitFor(head)]);
    expectAll(30, 2);
  }, 60_000);

  it('split what was stored before it was divided, and go on from its place', async () => {
    const before = await start('old', 1);
    await appended(20, 2);
    await until(() => handled.length >= 40);
    expect(segmentsOf(before)).toEqual(['0/0']);
    await before.stop();
    const after = await start('new', 8);
    await until(() => segmentsOf(after).length === 8);
    await appended(20, 1);
    await until(() => handled.length >= 60);
    for (let stream = 0; stream < 20; stream++) {
      expect(versionsOf(stream)).toEqual([0, 1, 2]);
    }
  }, 60_000);
});
