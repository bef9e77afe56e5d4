import { describe, expect, it } from '@jest/globals';
import { ConfigurationError } from '../error.js';
import { StoreUnavailableError } from '../log/errors.js';
import { definitionsOf } from '../model/definitions-of.js';
import { Event } from '../model/message-decorators.js';
import { On } from '../model/processor.js';
import type { RecordedEvent } from '../messages/event.js';
import { memory } from '../backend/memory/memory.js';
import { createApp } from '../app/create-app.js';
import { Appender } from '../backend/appender.js';
import { backendWith, rawUpcaster } from '../testing/runner-rig.test-support.js';
import { patternCorrelation, windowCorrelation } from './by-hand.js';
import { Correlation, OnMatch, OnWindow } from './correlation.js';
import { Correlations } from './correlations.js';
import { Correlating, recordedOf, timeOf, type Happening } from './correlating.test-support.js';
import type { CorrelationOptions } from './definition.js';
import { pattern } from './pattern.js';
import { count, session, sliding, tumbling } from './window.js';

@Event({ name: 'tide.turned' })
class TideTurned {
  constructor(readonly harbour: string) {}
}

const happening = (key: string, time: number, n = 0, type = 'a'): Happening => ({ type, key, time, n });

const counting = (options: Partial<CorrelationOptions> = {}) =>
  windowCorrelation({
    name: 'counting',
    key: 'key',
    time: timeOf,
    lateness: 0,
    events: ['a'],
    window: tumbling(10),
    emit: ({ key, count: events }) => ({ type: 'counted', data: [key, events] }),
    ...options,
  });

const dataOf = async (correlating: Correlating): Promise<readonly unknown[]> =>
  (await correlating.derived()).map(({ data }) => data);

describe('the limits of a correlation', () => {
  it('fail by default, and say what is full and what to do', async () => {
    const full = await new Correlating(counting({ limits: { keys: 2 } })).open();
    const events = recordedOf([happening('k', 1), happening('l', 2), happening('m', 3)]);
    await expect(full.batch(events)).rejects.toMatchObject({
      code: 'correlation-limit',
      limit: 'keys',
      value: 2,
      event: events[2],
      message: expect.stringContaining("limits.exceeded: 'drop'"),
    });
    expect(await full.status()).toMatchObject({ taken: 0, openKeys: 0 });
  });

  it('leave out what is too much and count it, if they are to', async () => {
    const full = await new Correlating(counting({ limits: { keys: 2, exceeded: 'drop' } })).open();
    const events = recordedOf([
      happening('k', 1),
      happening('l', 2),
      happening('m', 3),
      happening('k', 4),
      // The windows before end, so there is room again.
      happening('m', 12),
      happening('k', 30),
    ]);
    await full.batch(events.slice(0, 3));
    await full.batch(events.slice(3));
    expect(await dataOf(full)).toEqual([
      ['k', 2],
      ['l', 1],
      ['m', 1],
    ]);
    expect(await full.status()).toMatchObject({ dropped: 1, openKeys: 1, taken: 6 });
  });

  it('hold within a key, for attempts at a pattern, windows and events that wait', async () => {
    const waiting = (lateness: number) =>
      patternCorrelation({
        name: 'waiting',
        key: 'key',
        time: timeOf,
        lateness,
        pattern: pattern('a').notFollowedBy('b').within(100),
        limits: { perKey: 2, exceeded: 'drop' },
        emit: ({ events }) => ({ type: 'missed', data: events.map((event) => (event as Happening).n) }),
      });
    const events = recordedOf([
      happening('k', 1, 1),
      happening('k', 2, 2),
      happening('k', 3, 3),
      happening('l', 500, 4),
    ]);
    for (const lateness of [0, 50]) {
      const correlating = await new Correlating(waiting(lateness)).open();
      await correlating.batch(events);
      expect(await dataOf(correlating)).toEqual([[1], [2]]);
      expect(await correlating.status()).toMatchObject({ dropped: 1, openKeys: 1 });
    }
    const windows = await new Correlating(
      windowCorrelation({
        name: 'sliding',
        key: 'key',
        time: timeOf,
        lateness: 0,
        events: ['a'],
        window: sliding(10, 2),
        limits: { perKey: 3 },
        emit: () => undefined,
      }),
    ).open();
    await expect(windows.batch(events)).rejects.toMatchObject({ limit: 'perKey', value: 3 });
  });

  it('of a transaction let a crowd of keys end in several batches', async () => {
    const correlating = await new Correlating(counting()).open();
    const crowd = Array.from({ length: 4_500 }, (_, n) => happening(`k${n}`, 1));
    const events = recordedOf([...crowd, happening('z', 11), happening('z', 12), happening('z', 13)]);
    await correlating.batch(events.slice(0, 4_500));
    expect(await correlating.status()).toMatchObject({ openKeys: 4_500 });
    const lengths: number[] = [];
    for (const event of events.slice(4_500)) {
      await correlating.batch([event]);
      lengths.push((await correlating.derived()).length);
    }
    expect(lengths).toEqual([2_000, 4_000, 4_500]);
    expect(await correlating.status()).toMatchObject({ openKeys: 1, completed: 4_500 });
  });
});

describe('a correlation refuses', () => {
  const failing = async (
    options: Partial<CorrelationOptions>,
    given: Happening = happening('k', 1),
  ): Promise<unknown> => {
    const correlating = await new Correlating(counting(options)).open();
    return correlating.batch(recordedOf([given, happening('k', 11)])).catch((error: unknown) => error);
  };

  it('keys, times, states and derived events that are none', async () => {
    expect(await failing({ key: 'missing' })).toMatchObject({
      code: 'correlation',
      message: expect.stringContaining('in property "missing"'),
    });
    expect(await failing({ key: () => '' })).toMatchObject({ code: 'correlation' });
    expect(await failing({}, happening('\0', 1))).toMatchObject({ code: 'correlation' });
    expect(await failing({}, happening('x'.repeat(301), 1))).toMatchObject({ code: 'correlation' });
    expect(await failing({ time: () => Number.NaN })).toMatchObject({
      message: expect.stringContaining('no time of event "a"'),
    });
    const emitting = async (derived: unknown): Promise<unknown> => {
      const definition = windowCorrelation({
        name: 'emitting',
        key: 'key',
        time: timeOf,
        lateness: 0,
        events: ['a'],
        window: tumbling(10),
        emit: () => derived as undefined,
      });
      const correlating = await new Correlating(definition).open();
      return correlating
        .batch(recordedOf([happening('k', 1), happening('k', 11)]))
        .then(() => correlating.derived())
        .catch((error: unknown) => error);
    };
    for (const wrong of ['text', [1], [null], Promise.resolve(), [Promise.resolve()]]) {
      expect(await emitting(wrong)).toMatchObject({ code: 'correlation', key: 'k' });
    }
    expect(await emitting({ no: 'event' })).toMatchObject({ code: 'unknown-message' });
    for (const nothing of [undefined, null, [], new Set()]) expect(await emitting(nothing)).toEqual([]);
  });

  it('to carry on what another kind has left open', async () => {
    const backend = memory();
    const before = await new Correlating(counting(), backend).open();
    await before.batch(recordedOf([happening('k', 1)]));
    const after = await new Correlating(
      windowCorrelation({
        name: 'counting',
        key: 'key',
        events: ['a'],
        window: session('1s'),
        emit: () => undefined,
      }),
      backend,
    ).open();
    await expect(after.batch(recordedOf([happening('k', 1), happening('k', 2)]))).rejects.toThrow(
      'is now "session 1000", but what is stored of it is "time 10/10"',
    );
  });

  it('options that contradict each other', () => {
    const base = { name: 'x', key: 'key', events: ['a'], window: tumbling(1), emit: () => undefined };
    const wrong: readonly (readonly [() => unknown, string])[] = [
      [() => windowCorrelation({ ...base, name: '' }), 'needs an explicit name'],
      [() => windowCorrelation({ ...base, name: 'x'.repeat(101) }), 'at most 100'],
      [() => windowCorrelation({ ...base, events: [] }), 'takes no events'],
      [() => windowCorrelation({ ...base, time: () => 0 }), 'add lateness'],
      [() => windowCorrelation({ ...base, limits: { keys: 0 } }), 'limits.keys is 0'],
      [() => tumbling(0), 'must be 1 ms at least'],
      [() => sliding(10, 20), 'leave gaps'],
      [() => sliding('1d', 1), 'more than 100'],
      [() => count(0), 'whole number from 1'],
      [() => session(0.2), '1 ms at least'],
      [() => pattern('a').within(0), '1 ms at least'],
      [() => pattern(class Plain {}), 'add @Event'],
      [() => patternCorrelation({ ...base, pattern: pattern('a').followedBy('b') }), 'Add .within'],
      [() => patternCorrelation({ ...base, pattern: pattern('a').within(5) }), 'a single event'],
    ];
    for (const [make, message] of wrong) {
      expect(make).toThrow(ConfigurationError);
      expect(make).toThrow(message);
    }
    expect(() => windowCorrelation({ ...base, lateness: -1 })).toThrow('is not a duration');
  });

  it('classes that lack a method, or have one too many', () => {
    @Correlation({ name: 'no-events', key: 'harbour', window: tumbling('1m') })
    class NoEvents {
      @OnWindow() close() {}
    }
    @Correlation({ name: 'no-window', key: 'harbour', window: tumbling('1m') })
    class NoWindow {
      @On() turned(event: TideTurned) {
        return event.harbour;
      }
    }
    @Correlation({ name: 'two', key: 'harbour', window: tumbling('1m') })
    class Two {
      @On(TideTurned) turned() {}
      @OnWindow() close() {}
      @OnWindow() shut() {}
    }
    const twice = pattern(TideTurned).followedBy(TideTurned).within('1d');
    @Correlation({ name: 'no-match', key: 'harbour', pattern: twice })
    class NoMatch {}
    @Correlation({ name: 'both', key: 'harbour', pattern: twice })
    class Both {
      @On(TideTurned) turned() {}
      @OnMatch() found() {}
    }
    const messages = [
      [NoEvents, 'has no method that takes an event into its window: add @On()'],
      [NoWindow, 'add @OnWindow()'],
      [Two, 'has @OnWindow on close and on shut'],
      [NoMatch, 'add @OnMatch()'],
      [Both, 'remove @On from turned'],
    ] as const;
    for (const [type, message] of messages) expect(() => definitionsOf(type)).toThrow(message);
  });

  it('names whose streams could be those of another, and to tell of one that is not there', async () => {
    const named = (name: string) => counting({ name });
    expect(() => createApp({ backend: memory(), register: [named('a'), named('a-b')] })).toThrow(
      'Rename one',
    );
    expect(() => createApp({ backend: memory(), register: [named('b-a'), named('b')] })).toThrow(
      'Rename one',
    );
    const app = createApp({ backend: memory(), register: [named('a'), named('ab')] });
    await expect(app.get(Correlations).status('c')).rejects.toThrow('registered are: a, ab');
    expect(() => new Correlations(memory()).names).not.toThrow();
  });
});

describe('what a correlation sees', () => {
  it('does not depend on where batches end: states are JSON, and frozen', async () => {
    const states: unknown[] = [];
    const definition = windowCorrelation({
      name: 'dates',
      key: 'key',
      time: timeOf,
      lateness: 0,
      events: ['a'],
      window: tumbling(100),
      fold: (_, state: { readonly at: unknown } | undefined) => {
        if (state !== undefined) states.push(state.at);
        expect(Object.isFrozen(state)).toBe(true);
        return { at: new Date(0), left: undefined };
      },
      emit: () => undefined,
    });
    const correlating = await new Correlating(definition).open();
    const events = recordedOf([1, 2, 3, 4].map((time) => happening('k', time)));
    await correlating.batch(events.slice(0, 2));
    await correlating.batch(events.slice(2));
    expect(states).toEqual(Array.from({ length: 3 }, () => '1970-01-01T00:00:00.000Z'));
  });

  it('are events at their newest version, also those that waited since before it', async () => {
    const definition = patternCorrelation({
      name: 'upcast',
      key: 'key',
      time: timeOf,
      lateness: 0,
      pattern: pattern('a').followedBy('b').within(100),
      emit: ({ events, recorded }) => ({
        type: 'matched',
        data: [events[0], recorded[0]?.schemaVersion, recorded[0]?.recordedAt],
      }),
    });
    const backend = memory();
    const before = await new Correlating(definition, backend).open();
    const events = recordedOf([happening('k', 1, 1), happening('k', 2, 2, 'b')]);
    await before.batch(events.slice(0, 1));
    const upcast = (to: string, version: number) => ({
      ...rawUpcaster('a', [to], ({ data }) => [{ type: to, version, data: { ...(data as object), n: 7 } }]),
      to: [{ type: to, version }],
    });
    const after = await new Correlating(definition, backend).open();
    after.schema.register(upcast('a', 2));
    await after.batch(events.slice(1));
    expect(await dataOf(after)).toEqual([[happening('k', 1, 7), 2, '1970-01-12T13:46:40.000Z']]);

    const gone = await new Correlating({ ...definition }, memory()).open();
    await gone.batch(events.slice(0, 1));
    gone.schema.register(upcast('z', 1));
    await expect(gone.batch(events.slice(1))).rejects.toThrow('no event of that type comes of it any more');
  });

  it('are the pieces of an event apart that an upcaster made of one', async () => {
    const definition = patternCorrelation({
      name: 'pieces',
      key: 'key',
      time: timeOf,
      lateness: 0,
      pattern: pattern('a').notFollowedBy('b').within(10),
      emit: ({ events }) => ({ type: 'missed', data: (events[0] as Happening).n }),
    });
    const correlating = await new Correlating(definition).open();
    const [first, last] = recordedOf([happening('k', 1, 1), happening('k', 50, 9)]);
    if (first === undefined || last === undefined) throw new TypeError('two events');
    const piece = (n: number): RecordedEvent => ({ ...first, data: happening('k', 1, n) });
    await correlating.batch([piece(1), piece(2), last]);
    expect(await dataOf(correlating)).toEqual([1, 2]);
  });

  it('is left out where it has no key, but tells the time', async () => {
    const correlating = await new Correlating(
      counting({ key: ({ data }) => ((data as Happening).n > 0 ? 'all' : undefined) }),
    ).open();
    await correlating.batch(recordedOf([happening('k', 1, 1), happening('k', 50)]));
    expect(await dataOf(correlating)).toEqual([['all', 1]]);
  });
});

describe('events that are derived', () => {
  it('are part of what takes part in appends', async () => {
    const backend = memory();
    const appender = new Appender(backend);
    const heard: string[] = [];
    appender.add({
      name: 'participant of a test',
      concerns: (events) => events.some(({ type }) => type === 'heard'),
      join:
        ({ stream }) =>
        async (_, append) => {
          const events = await append();
          heard.push(...events.map(({ type }) => `${stream} ${type}`));
        },
    });
    await backend.transaction((tx) =>
      appender.appendIn(tx, [
        { stream: 'one', events: [{ type: 'heard', data: 1 }] },
        { stream: 'two', events: [{ type: 'unheard', data: 2 }] },
      ]),
    );
    expect(heard).toEqual(['one heard']);
    expect(await backend.events.head()).toBe(2n);
  });

  it('are appended before the state is stored where appends join no transaction, the same again after a failure', async () => {
    const store = memory();
    let failures = 0;
    const backend = backendWith(
      {
        events: new Proxy(store.events, {
          get(events, name) {
            if (name === 'capabilities') return { ...events.capabilities, transactionalAppend: false };
            if (name !== 'append') {
              const value: unknown = Reflect.get(events, name);
              return typeof value === 'function' ? value.bind(events) : value;
            }
            return async (...parameters: Parameters<typeof events.append>) => {
              if (parameters[0].endsWith('-l') && failures++ === 0) throw new StoreUnavailableError('away');
              return elsewhere.events.append(...parameters);
            };
          },
        }),
      },
      store,
    );
    // Its transactions must not wait for the appends within them.
    const elsewhere = memory();
    await elsewhere.open();
    const correlating = await new Correlating(counting(), backend).open();
    const events = recordedOf([
      happening('k', 1),
      happening('l', 1),
      happening('k', 15),
      happening('l', 15),
      happening('k', 25),
    ]);
    await expect(correlating.batch(events)).rejects.toThrow('away');
    await correlating.batch(events.slice(0, 3));
    await correlating.batch(events.slice(3));
    const derived: RecordedEvent[] = [];
    for await (const batch of elsewhere.events.readAll()) derived.push(...batch);
    expect(derived.map(({ data }) => JSON.stringify(data)).toSorted(byText)).toEqual(
      [
        ['k', 1],
        ['k', 1],
        ['l', 1],
        ['l', 1],
      ].map((data) => JSON.stringify(data)),
    );
    expect(failures).toBeGreaterThan(1);
  });
});

const byText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
