import { describe, expect, it } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import type { Backend } from '../backend/backend.js';
import { memory } from '../backend/memory/memory.js';
import { ConfigurationError } from '../error.js';
import { deterministicId } from '../messages/ids.js';
import type { NewEvent, RecordedEvent } from '../messages/event.js';
import { Event } from '../model/message-decorators.js';
import { On, Processor } from '../model/processor.js';
import type { HandlerContext, ProcessorDefinition } from '../model/processor-definition.js';
import { DuplicateNameError } from '../schema/errors.js';
import { testApp, type TestAppOptions } from '../testing/test-app.js';
import { backendWith } from '../testing/runner-rig.test-support.js';
import { RouteError, UnhandledEventError } from './errors.js';
import { eventAt } from './events.test-support.js';
import { RouteIndex } from './route-index.js';
import { Spans } from './spans.js';
import { route, type RouteOptions } from './route.js';
import { routingOf } from './routed-event.js';

@Event({ name: 'order.placed' })
class OrderPlaced {
  constructor(readonly amount: number) {}
}

@Event({ name: 'order.flagged' })
class OrderFlagged {
  constructor(readonly why: string) {}
}

class Undecorated {}

const fail = (message: string): never => {
  throw new Error(message);
};

/** A processor that notes what it gets. */
const noting = (
  name: string,
  got: { event: RecordedEvent; context: HandlerContext }[],
  parts: Partial<ProcessorDefinition> = {},
): ProcessorDefinition => ({
  kind: 'processor',
  name,
  definedAt: 'here:1:1',
  messages: [],
  routed: true,
  retry: { attempts: 1 },
  delivery: { mode: 'each', handle: (event, context) => void got.push({ event, context }) },
  ...parts,
});

const started = async (options: Partial<TestAppOptions> = {}) => {
  const got: { event: RecordedEvent; context: HandlerContext }[] = [];
  const { register = [noting('desk', got)], ...rest } = options;
  const world = await testApp({ register, ...rest });
  return { ...world, got, seen: () => got.map(({ event: { type, data } }) => [type, data]) };
};

const append = async (backend: Backend, stream: string, ...events: NewEvent[]): Promise<bigint> =>
  (await backend.events.append(stream, events)).position;

const failureOf = async (options: Partial<RouteOptions>, data: unknown = {}): Promise<Error | undefined> => {
  const { app, backend } = await started({ routes: [route({ name: 'r', to: 'desk', ...options })] });
  await expect(app.waitFor(await append(backend, 's-1', { type: 'x', data }))).rejects.toThrow('route "r"');
  const { failure } = app.processors.get('desk')?.status() ?? {};
  expect(failure?.event).toMatchObject({ type: 'x' });
  await app.stop();
  return failure?.error;
};

describe('routes of an application', () => {
  it('send a processor what they match, each event once, by the first that does', async () => {
    const { app, backend, got, seen } = await started({
      routes: [
        route({
          name: 'big',
          match: { type: 'order.*', data: { amount: { gte: 100 } } },
          to: 'desk',
          priority: 'high',
        }),
        route({ name: 'all', match: 'order.**', when: ({ stream }) => stream !== 'order-3', to: ['desk'] }),
      ],
    });
    await append(backend, 'order-1', { type: 'order.placed', data: { amount: 100 } });
    await append(
      backend,
      'order-2',
      { type: 'order.paid', data: { amount: 1 } },
      { type: 'stock.low', data: {} },
    );
    await app.waitFor(await append(backend, 'order-3', { type: 'order.placed', data: { amount: 5 } }));
    expect(seen()).toEqual([
      ['order.placed', { amount: 100 }],
      ['order.paid', { amount: 1 }],
    ]);
    expect(got.map(({ event }) => routingOf(event))).toMatchObject([
      { route: 'big', part: 0, isDerived: false, priority: 'high' },
      { route: 'all', part: 0, isDerived: false, priority: undefined },
    ]);
    await app.stop();
  });

  it('send by content, to whom a function names', async () => {
    const [red, blue, green] = [[], [], []] as { event: RecordedEvent; context: HandlerContext }[][];
    const { app, backend } = await started({
      register: [noting('red', red ?? []), noting('blue', blue ?? []), noting('green', green ?? [])],
      routes: [
        route({
          name: 'by colour',
          match: 'x',
          to: ({ data }) => String(data),
          among: ['red', 'blue', 'green'],
        }),
        route({ name: 'several', match: 'y', to: () => ['red', 'blue'] }),
        route({ name: 'later', match: 'x', to: 'green' }),
      ],
    });
    await append(backend, 's-1', { type: 'x', data: 'red' }, { type: 'y', data: 'both' });
    await app.waitFor(await append(backend, 's-1', { type: 'x', data: 'nobody' }));
    expect([red, blue, green].map((got) => got?.map(({ event }) => event.data))).toEqual([
      ['red', 'both'],
      ['both'],
      ['red', 'nobody'],
    ]);
    expect(app.health()).toMatchObject({
      status: 'degraded',
      reasons: [expect.stringMatching(/route "by colour" .*named processor "nobody"/)],
    });
    await app.stop();
  });

  it('enrich, map, split and leave out', async () => {
    const got: { event: RecordedEvent; context: HandlerContext }[] = [];
    const { app, backend } = await started({
      register: [OrderPlaced, OrderFlagged, noting('desk', got)],
      routes: [
        route({
          name: 'flag',
          match: { type: OrderPlaced, data: { amount: { gt: 10 } } },
          enrich: ({ data }) => ({ twice: data.amount * 2 }),
          map: ({ data }) => ('twice' in data ? new OrderFlagged(`twice: ${String(data.twice)}`) : undefined),
          to: 'desk',
        }),
        route({ name: 'small', match: OrderPlaced, enrich: () => ({ small: true }), to: 'desk' }),
        route({
          name: 'lines',
          match: 'order.lines',
          split: ({ data, metadata }) =>
            (Array.isArray(data) ? data : []).map((line: unknown) => ({
              type: 'order.line',
              data: line,
              metadata: { ...metadata, line },
            })),
          to: 'desk',
        }),
        route({ name: 'drop', match: 'noise', map: () => undefined, to: 'desk' }),
        route({
          name: 'rename',
          match: 'old',
          map: () => ({ type: 'order.flagged', data: { why: 'old' } }),
          to: 'desk',
        }),
      ],
    });
    await app.waitFor(
      await append(
        backend,
        'order-1',
        { type: 'order.placed', data: { amount: 20 } },
        { type: 'order.placed', data: { amount: 5 } },
        { type: 'order.lines', data: ['a', 'b'], metadata: { correlationId: 'c' } },
        { type: 'order.lines', data: [] },
        { type: 'noise', data: 1 },
        { type: 'old', data: 1 },
      ),
    );
    expect(got.map(({ event: { type, data } }) => [type, data])).toEqual([
      ['order.flagged', { why: 'twice: 40' }],
      ['order.placed', { amount: 5, small: true }],
      ['order.line', 'a'],
      ['order.line', 'b'],
      ['order.flagged', { why: 'old' }],
    ]);
    const [flagged, small, first, second, old] = got;
    expect([flagged?.event.data, small?.event.data, old?.event.data]).toEqual([
      expect.any(OrderFlagged),
      expect.any(OrderPlaced),
      expect.any(OrderFlagged),
    ]);
    const source = routingOf(first?.event ?? fail('nothing came'))?.sourceId ?? '';
    expect(first?.event).toMatchObject({
      id: deterministicId(source, 'lines/0/0'),
      stream: 'order-1',
      version: 2,
      metadata: { correlationId: 'c', line: 'a' },
      routing: { part: 0, isDerived: true },
    });
    expect(second?.event).toMatchObject({ id: deterministicId(source, 'lines/0/1'), routing: { part: 1 } });
    // What a handler causes follows from the event in the log.
    expect(second?.context.outgoing()).toMatchObject({ causationId: source, causingEventId: source });
    await app.stop();
  });

  it('keep an own property __proto__ of enriched data as data', async () => {
    const { app, backend, got } = await started({
      routes: [
        route({ name: 'r', enrich: () => JSON.parse('{"__proto__": {"x": 1}}') as object, to: 'desk' }),
      ],
    });
    await app.waitFor(await append(backend, 's-1', { type: 'x', data: {} }));
    const data = got[0]?.event.data as object;
    expect([Object.hasOwn(data, '__proto__'), 'x' in data, 'x' in {}]).toEqual([true, false, false]);
    await app.stop();
  });

  it('pass an event that was split only when all parts are finished, and know the part that failed', async () => {
    let broken = true;
    const parts: unknown[] = [];
    const { app, backend } = await started({
      register: [
        noting('desk', [], {
          delivery: {
            mode: 'each',
            key: ({ data }) => String(data),
            handle: ({ data }) => {
              if (data === 'b' && broken) throw new Error('not b');
              parts.push(data);
            },
          },
        }),
      ],
      routes: [route({ name: 'r', split: () => [{ data: 'a' }, { data: 'b' }, { data: 'c' }], to: 'desk' })],
    });
    const position = await append(backend, 's-1', { type: 'x', data: 0 });
    await expect(app.waitFor(position)).rejects.toThrow('not b');
    const runner = app.processors.get('desk');
    expect(runner?.status()).toMatchObject({
      failure: { event: { data: 'b', routing: { part: 1, route: 'r' } } },
    });
    await runner?.drain();
    expect((await backend.checkpoints.load('desk'))?.position ?? 0n).toBeLessThan(position);
    broken = false;
    parts.length = 0;
    await runner?.start();
    await app.waitFor(position);
    expect(parts).toEqual(['a', 'b', 'c']);
    await app.stop();
  });

  it.each<[string, Partial<RouteOptions>, string]>([
    ['when', { when: () => fail('no') }, 'no'],
    ['when', { when: (async () => true) as never }, 'it must give true or false'],
    ['map', { map: () => ({ amount: 1 }) }, 'it gave an object with "amount"'],
    ['map', { map: () => new Undecorated() }, 'add @Event'],
    ['map', { map: async () => ({}) }, 'it gave a promise'],
    ['map', { map: () => 7 as never }, 'it must give an object'],
    ['split', { split: () => ({}) as never }, 'it must give a list'],
    ['enrich', { enrich: () => 7 as never }, 'it must give an object'],
    ['to', { to: () => 7 as never }, 'it must give names'],
    ['to', { to: () => fail('unknown') }, 'unknown'],
    ['priority', { priority: () => 'urgent' as never }, 'it must give a priority'],
    ['priority', { priority: () => fail('late') }, 'late'],
  ])('a "%s" that fails is a failure of handling, and names the route', async (part, options, reason) => {
    const error = await failureOf(options);
    expect(error?.message).toContain(reason);
    expect(error).toBeInstanceOf(RouteError);
    expect(error?.message).toMatch(
      new RegExp(`"${part}" of route "r" \\(.*routes\\.test\\.ts:\\d+:\\d+\\) failed on event "x"`),
    );
  });

  it('enrich no data that is no object', async () => {
    expect((await failureOf({ enrich: () => ({}) }, 7))?.message).toContain("the event's data must be one");
  });

  it('fail a processor that handles in transactions at the event that they fail on', async () => {
    const { app, backend } = await started({
      register: [noting('desk', [], { delivery: { mode: 'transaction', handle: async () => undefined } })],
      routes: [route({ name: 'r', map: () => fail('no'), to: 'desk' })],
    });
    await expect(app.waitFor(await append(backend, 's-1', { type: 'x', data: 0 }))).rejects.toThrow(
      'route "r"',
    );
    await app.stop();
  });

  it('that send a class what it has no method for fail there', async () => {
    @Processor({ name: 'class', retry: { attempts: 1 }, routes: [route({ name: 'own', match: 'x.*' })] })
    class Routed {
      @On('x.known') known(): void {
        // Done.
      }
    }
    const { app, backend } = await started({ register: [Routed] });
    await app.waitFor(await append(backend, 's-1', { type: 'x.known', data: 0 }, { type: 'y', data: 0 }));
    await expect(app.waitFor(await append(backend, 's-1', { type: 'x.other', data: 0 }))).rejects.toThrow(
      'add one',
    );
    expect(app.processors.get('class')?.status().failure?.error).toBeInstanceOf(UnhandledEventError);
    await app.stop();
  });

  it('ask the store only for what they may take', async () => {
    const inner = memory();
    const asked: unknown[] = [];
    const events = inner.events;
    const subscribe = events.subscribe.bind(events);
    events.subscribe = (options) => {
      asked.push(options?.filter);
      return subscribe(options);
    };
    const { app } = await started({
      backend: backendWith({}, inner),
      unrouted: 'ignore',
      register: [
        noting('desk', [], { filter: { streamPrefixes: ['order-'], metadata: { tenant: 'acme' } } }),
        noting('idle', []),
      ],
      routes: [
        route({ name: 'a', match: { type: 'a', agent: 'ada' }, to: 'desk' }),
        route({ name: 'b', match: { type: ['b', 'c'], agent: 'ada', stream: 'x-*' }, to: 'desk' }),
      ],
    });
    expect(asked).toEqual([
      { types: ['a', 'b', 'c'], streamPrefixes: ['order-'], metadata: { agentId: 'ada', tenant: 'acme' } },
      { types: [] },
    ]);
    await app.routes.add(route({ name: 'd', match: { type: 'a', agent: 'ada' }, to: 'desk' }));
    expect(asked).toHaveLength(2);
    await app.routes.add(route({ name: 'e', match: 'e', to: 'idle' }));
    await app.waitFor(await append(inner, 's-1', { type: 'e', data: 0 }));
    expect(asked.slice(2)).toEqual([{ types: ['e'] }]);
    await app.stop();
  });
});

describe('an index of routes', () => {
  it('finds a route among more types and agents than it remembers', () => {
    const spans = new Spans();
    spans.open(undefined);
    const routes = [
      route({ name: 'ada', match: { type: 'a.*', agent: 'ada' } }),
      route({ name: 'rest', match: 'a.**' }),
    ];
    const index = new RouteIndex(routes.map((one) => ({ route: one, owner: 'desk', spans })));
    const find = (type: string, agentId: string): string | undefined =>
      index.find(eventAt(1n, { type, metadata: { agentId } }), () => true)?.route.name;
    for (let number = 0; number < 10_100; number += 1) expect(find(`a.${number}`, 'bob')).toBe('rest');
    expect([find('a.1', 'ada'), find('a.1', 'bob'), find('b.1', 'ada')]).toEqual(['ada', 'rest', undefined]);
  });
});

describe('a table of routes', () => {
  it.each<[string, () => Partial<TestAppOptions>]>([
    [
      '"route" twice|named "r"',
      () => ({ routes: [route({ name: 'r', to: 'desk' }), route({ name: 'r', to: 'desk' })] }),
    ],
    ['does not say where to', () => ({ routes: [route({ name: 'r' })] })],
    [
      'sends to processor "nobody", which is not registered',
      () => ({ routes: [route({ name: 'r', to: 'nobody' })] }),
    ],
    ['"unrouted" names processor "nobody"', () => ({ unrouted: { to: 'nobody' } })],
    ['sends to nobody', () => ({ routes: [route({ name: 'r', to: [] })] })],
    [
      '"map" and "split"',
      () => ({ routes: [route({ name: 'r', to: 'desk', map: () => ({}), split: () => [] })] }),
    ],
    ['has "among"', () => ({ routes: [route({ name: 'r', to: 'desk', among: ['desk'] })] })],
    ['no text', () => ({ routes: [route({ name: 'r', to: [7 as never] })] })],
    ['needs an explicit name', () => ({ routes: [route({ name: '', to: 'desk' })] })],
    [
      '"when" must be a function',
      () => ({ routes: [route({ name: 'r', to: 'desk', when: true as never })] }),
    ],
    [
      'the priority "urgent"',
      () => ({ routes: [route({ name: 'r', to: 'desk', priority: 'urgent' as never })] }),
    ],
    [
      ': match, "a..*"|: match.type, "a..*"',
      () => ({ routes: [route({ name: 'r', to: 'desk', match: 'a..*' })] }),
    ],
    [
      'has a "to"',
      () => ({ register: [noting('desk', [], { routes: [route({ name: 'r', to: 'desk' })] })] }),
    ],
  ])('that is wrong is refused at once: %s', async (reason, options) => {
    await expect(Promise.resolve().then(() => started(options()))).rejects.toThrow(new RegExp(reason));
  });

  it('refuses two routes of one name with both places', async () => {
    const twice = started({ routes: [route({ name: 'r', to: 'desk' }), route({ name: 'r', to: 'desk' })] });
    await expect(twice).rejects.toThrow(DuplicateNameError);
    await expect(twice).rejects.toThrow(/routes\.test\.ts:\d+:\d+.*routes\.test\.ts:\d+:\d+/s);
  });

  it('lists what is in it', async () => {
    const { app } = await started({
      register: [
        noting('desk', [], { routes: [route({ name: 'own', match: OrderPlaced, when: () => true })] }),
      ],
      routes: [
        route({
          name: 'r',
          match: [
            {
              type: ['a.*', /b/],
              stream: 's-*',
              agent: ['x', 'y'],
              metadata: { m: [1], n: /z/ },
              data: { k: { gte: 1, lt: 3 }, l: null },
            },
            'c',
          ],
          to: 'desk',
          priority: 'low',
          enabled: false,
        }),
        route({ name: 'f', to: () => 'desk', priority: () => 'low', enabledWhen: () => true }),
      ],
    });
    expect(app.routes.list()).toMatchObject([
      { name: 'desk/own', match: 'type order.placed, when its function says so', to: ['desk'], active: true },
      {
        name: 'r',
        match:
          'type a.* or /b/, stream s-*, agent x or y, metadata.m in [1], metadata.n matches /z/, data.k gte 1 and lt 3, data.l = null; or type c',
        to: ['desk'],
        priority: 'low',
        active: false,
        enabled: false,
        condition: undefined,
      },
      {
        name: 'f',
        match: 'type **',
        to: undefined,
        priority: 'by event',
        active: true,
        condition: true,
        missing: [],
      },
    ]);
    await app.stop();
  });

  it('changes from the head of the log on, also for a processor that is far behind', async () => {
    const { app, backend, got } = await started({ routes: [route({ name: 'a', match: 'a', to: 'desk' })] });
    const runner = app.processors.get('desk');
    await runner?.pause();
    const before = await append(backend, 's-1', { type: 'a', data: 1 }, { type: 'b', data: 2 });
    expect(await app.routes.add(route({ name: 'b', match: 'b', to: 'desk' }))).toEqual({ after: before });
    await append(backend, 's-1', { type: 'b', data: 3 });
    await app.routes.disable('a');
    await append(backend, 's-1', { type: 'a', data: 4 });
    await app.routes.enable('a');
    const after = await append(backend, 's-1', { type: 'a', data: 5 });
    await app.routes.remove('b');
    const last = await append(backend, 's-1', { type: 'b', data: 6 });
    await runner?.resume();
    await app.waitFor(last);
    expect(got.map(({ event }) => event.data)).toEqual([1, 3, 5]);
    expect(after).toBeGreaterThan(before);
    await app.stop();
  });

  it('changes for all that is not taken in yet if told so, or if nothing runs', async () => {
    const { app, backend, got } = await started({ routes: [] });
    await append(backend, 's-1', { type: 'a', data: 1 });
    await app.routes.add(route({ name: 'x', match: 'x', to: 'desk' }));
    await app.stop();
    expect(await app.routes.add(route({ name: 'y', match: 'y', to: 'desk' }))).toEqual({ after: undefined });
    await app.start();
    await app.processors.get('desk')?.drain();
    const last = await append(backend, 's-1', { type: 'a', data: 2 }, { type: 'y', data: 3 });
    expect(await app.routes.add(route({ name: 'a', match: 'a', to: 'desk' }), { after: 0n })).toEqual({
      after: 0n,
    });
    await app.processors.get('desk')?.resume();
    await app.waitFor(last);
    // The first was asked for, and left, before the route was there.
    expect(got.map(({ event }) => event.data)).toEqual([2, 3]);
    await app.stop();
  });

  it('says what cannot be changed, and changes nothing then', async () => {
    const { app } = await started({ routes: [route({ name: 'a', match: 'a', to: 'desk' })] });
    await expect(app.routes.add(route({ name: 'a', to: 'desk' }))).rejects.toThrow(DuplicateNameError);
    await expect(app.routes.add(route({ name: 'b', to: 'nobody' }))).rejects.toThrow('"nobody"');
    await expect(app.routes.add(route({ name: 'b' }))).rejects.toThrow('does not say where to');
    await expect(app.routes.remove('c')).rejects.toThrow('There is no route "c". There are: a.');
    await expect(app.routes.enable('c')).rejects.toThrow(ConfigurationError);
    await expect(app.routes.disable('a', { after: 7 as never })).rejects.toThrow('a position');
    expect(app.routes.list().map(({ name, active }) => [name, active])).toEqual([['a', true]]);
    await app.stop();
  });

  it('asks conditions at the start, once a second, and when told', async () => {
    let isOn = false;
    const { app, backend, clock, got } = await started({
      routes: [route({ name: 'a', match: 'a', to: 'desk', enabledWhen: () => isOn })],
    });
    await append(backend, 's-1', { type: 'a', data: 1 });
    isOn = true;
    await app.routes.refresh();
    await append(backend, 's-1', { type: 'a', data: 2 });
    isOn = false;
    await clock.advance(1_000);
    await app.routes.refresh();
    await append(backend, 's-1', { type: 'a', data: 3 });
    isOn = true;
    await clock.advance(1_000);
    await app.routes.refresh();
    await app.waitFor(await append(backend, 's-1', { type: 'a', data: 4 }));
    expect(got.map(({ event }) => event.data)).toEqual([2, 4]);
    await app.routes.disable('a');
    expect(app.routes.list()).toMatchObject([{ active: false, condition: true, enabled: false }]);
    await app.stop();
  });

  it('leaves a route as it is whose condition cannot say, and the health shows it', async () => {
    let answer = (): boolean => true;
    const { app } = await started({
      routes: [route({ name: 'a', match: 'a', to: 'desk', enabledWhen: () => answer() })],
    });
    answer = () => fail('no answer');
    await app.routes.refresh();
    expect(app.routes.list()).toMatchObject([{ active: true }]);
    expect(app.health().reasons).toEqual([expect.stringContaining('"enabledWhen" of route "a"')]);
    answer = () => 'yes' as never;
    await app.routes.refresh();
    expect(app.health().reasons).toEqual([expect.stringContaining('true or false')]);
    answer = () => true;
    await app.routes.refresh();
    expect(app.health().status).toBe('up');
    await app.stop();
  });

  it('goes on asking conditions when the store was away', async () => {
    const backend = memory();
    let isOn = false;
    const { app, clock } = await started({
      backend,
      routes: [route({ name: 'a', match: 'a', to: 'desk', enabledWhen: () => isOn })],
    });
    const head = backend.events.head.bind(backend.events);
    backend.events.head = () => Promise.reject(new Error('away'));
    isOn = true;
    await clock.advance(1_000);
    await expect(app.routes.refresh()).rejects.toThrow('away');
    expect(app.health().reasons).toEqual([expect.stringContaining('switching routes')]);
    backend.events.head = head;
    await clock.advance(1_000);
    await app.routes.refresh();
    expect(app.routes.list()).toMatchObject([{ active: true }]);
    await app.stop();
  });
});

describe('events that no route takes', () => {
  it('are counted once, by type, and can be given to a processor', async () => {
    const [desk, rest] = [[], []] as { event: RecordedEvent; context: HandlerContext }[][];
    const { app, backend } = await started({
      register: [noting('desk', desk ?? []), noting('other', []), noting('rest', rest ?? [])],
      unrouted: { to: 'rest' },
      routes: [
        route({ name: 'a', match: 'a', to: ['desk', 'other'] }),
        route({ name: 'c', match: 'c', to: () => [] }),
        route({ name: 'd', match: 'd', when: () => false, to: 'desk' }),
        route({ name: 'e', match: 'e', to: 'rest' }),
      ],
    });
    const types = ['a', 'b', 'b', 'c', 'd', 'e'];
    await app.waitFor(await append(backend, 's-1', ...types.map((type) => ({ type, data: 0 }))));
    expect(rest?.map(({ event: { type } }) => type)).toEqual(['b', 'b', 'c', 'd', 'e']);
    expect(rest?.map(({ event }) => routingOf(event)?.route)).toEqual([
      '(unrouted)',
      '(unrouted)',
      '(unrouted)',
      '(unrouted)',
      'e',
    ]);
    expect(desk?.map(({ event: { type } }) => type)).toEqual(['a']);
    while (app.routes.unrouted()?.total !== 4) await setImmediate();
    expect(app.routes.unrouted()).toMatchObject({
      total: 4,
      types: [
        { type: 'b', count: 2 },
        { type: 'c', count: 1 },
        { type: 'd', count: 1 },
      ],
      others: 0,
    });
    await app.stop();
  });

  it("are counted by type up to a thousand types; what cannot be read is nobody's", async () => {
    const { app, backend } = await started({ register: [OrderPlaced, noting('desk', [])], routes: [] });
    const types = Array.from({ length: 1_002 }, (_, index) => ({ type: `type.${index}`, data: 0 }));
    await append(backend, 's-1', { type: 'order.placed', data: {}, schemaVersion: 9 }, ...types);
    while (app.routes.unrouted()?.total !== 1_002) await setImmediate();
    expect(app.routes.unrouted()).toMatchObject({ others: 2 });
    expect(app.routes.unrouted()?.types).toHaveLength(1_000);
    await app.stop();
    await app.start();
    await append(backend, 's-1', { type: 'type.1', data: 0 });
    while (app.routes.unrouted()?.total !== 1_003) await setImmediate();
    expect(app.routes.unrouted()?.types[0]).toEqual({ type: 'type.1', count: 2 });
    await app.stop();
  });

  it('are not counted where that is not wanted', async () => {
    const { app } = await started();
    expect(app.routes.unrouted()).toBeUndefined();
    await app.stop();
  });
});
