import { describe, expect, it } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import type { Application } from '../app/application.js';
import { createApp } from '../app/create-app.js';
import type { Backend } from '../backend/backend.js';
import { memory } from '../backend/memory/memory.js';
import type { RecordedEvent } from '../messages/event.js';
import { Event } from '../model/message-decorators.js';
import { On } from '../model/processor.js';
import { manualClock, type ManualClock } from '../testing/manual-clock.js';
import { testApp } from '../testing/test-app.js';
import { patternCorrelation, windowCorrelation } from './by-hand.js';
import { Correlation, OnLate, OnMatch, OnWindow } from './correlation.js';
import { Correlations } from './correlations.js';
import { pattern, type Match } from './pattern.js';
import { count, session, sliding, tumbling, type Window } from './window.js';

@Event({ name: 'claim.made' })
class ClaimMade {
  constructor(
    readonly claim: string,
    readonly topic: string,
  ) {}
}

@Event({ name: 'source.found' })
class SourceFound {
  constructor(
    readonly claim: string,
    readonly topic: string,
  ) {}
}

@Event({ name: 'claim.unsourced' })
class ClaimUnsourced {
  constructor(readonly claim: string) {}
}

@Event({ name: 'topic.summed-up' })
class TopicSummedUp {
  constructor(
    readonly topic: string,
    readonly claims: readonly string[],
    readonly until: string,
  ) {}
}

const unsourced = patternCorrelation({
  name: 'unsourced-claims',
  key: 'claim',
  pattern: pattern(ClaimMade).notFollowedBy(SourceFound).within('5s'),
  emits: [ClaimUnsourced],
  emit: ({ events: [{ claim }] }) => new ClaimUnsourced(claim),
});

const derivedIn = async (backend: Backend): Promise<readonly RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for await (const batch of backend.events.readAll()) {
    events.push(...batch.filter(({ stream }) => stream.startsWith('correlation:')));
  }
  return events;
};

const eventsOf = async (backend: Backend, stream: string): Promise<readonly RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for await (const batch of backend.events.readStream(stream)) events.push(...batch);
  return events;
};

/** Lets time go on in small steps, so that what is set for later on the way is set in time. */
const pass = async (clock: ManualClock, milliseconds: number): Promise<void> => {
  for (let passed = 0; passed < milliseconds; passed += 50) {
    await clock.advance(50);
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
  }
};

const handled = async (app: Application, backend: Backend): Promise<void> => {
  await app.waitFor(await backend.events.head());
};

describe('a correlation in an application', () => {
  it('notices that something did not come, with no other event, and says what it follows from', async () => {
    await using world = await testApp({ register: [unsourced] });
    const { app, backend, clock } = world;
    const made = { type: 'claim.made', data: { claim: 'a', topic: 't' } };
    await backend.events.append('claims', [
      { ...made, metadata: { correlationId: 'c1', userId: 'ada' } },
      { ...made, data: { claim: 'b', topic: 't' } },
    ]);
    await pass(clock, 4_000);
    await backend.events.append('claims', [{ type: 'source.found', data: { claim: 'b', topic: 't' } }]);
    await handled(app, backend);
    expect(await derivedIn(backend)).toEqual([]);
    expect(await app.get(Correlations).status('unsourced-claims')).toMatchObject({ openKeys: 1, taken: 3 });
    await pass(clock, 2_000);
    const [made1] = await eventsOf(backend, 'claims');
    expect(await derivedIn(backend)).toMatchObject([
      {
        stream: 'correlation:unsourced-claims-a',
        type: 'claim.unsourced',
        data: { claim: 'a' },
        metadata: { correlationId: 'c1', userId: 'ada', causationId: made1?.id, causingEventId: made1?.id },
      },
    ]);
    expect(await app.get(Correlations).status('unsourced-claims')).toMatchObject({
      openKeys: 0,
      completed: 1,
      emitted: 1,
      late: 0,
      nextDue: undefined,
    });
    expect(app.get(Correlations).names).toEqual(['unsourced-claims']);
    expect(await backend.timers.list('correlation')).toEqual([]);
    expect(app.health().status).toBe('up');
  });

  it('goes on after a stop with what was open, also when its time came meanwhile', async () => {
    const clock = manualClock();
    const backend = memory({ clock });
    const start = async (): Promise<Application> => {
      const app = createApp({ backend, clock, register: [unsourced] });
      await app.start();
      return app;
    };
    const first = await start();
    await backend.events.append('claims', [{ type: 'claim.made', data: { claim: 'a', topic: 't' } }]);
    await handled(first, backend);
    await first.stop();
    await clock.advance(60_000);
    const second = await start();
    await pass(clock, 2_000);
    await second.stop();
    const third = await start();
    await pass(clock, 10_000);
    await third.stop();
    await backend.open();
    expect((await derivedIn(backend)).map(({ data }) => data)).toEqual([{ claim: 'a' }]);
    await backend.close();
  });

  it('folds windows by the methods of a class, with what it depends on, and hands over what is late', async () => {
    class Titles {
      of(topic: string): string {
        return `The ${topic}`;
      }
    }
    @Correlation({
      name: 'topics',
      key: 'topic',
      window: tumbling('1m'),
      time: ({ data }) => new Date((data as { readonly at: string }).at),
      lateness: '10s',
      stream: 'summaries',
    })
    class Topics {
      constructor(readonly titles: Titles) {}

      @On() claim(event: ClaimMade, state: readonly string[] = []) {
        return [...state, event.claim];
      }

      @On(SourceFound) source() {}

      @OnWindow() close({ key, state, end, count: events }: Window<readonly string[]>) {
        const summary = new TopicSummedUp(this.titles.of(key), [...state, String(events)], end.toISOString());
        return [summary];
      }

      @OnLate() tooLate(event: ClaimMade, recorded: RecordedEvent) {
        return { type: 'late', data: { claim: event.claim, stream: recorded.stream } };
      }
    }
    const { Container } = await import('inversify');
    const container = new Container();
    container.bind(Titles).toConstantValue(new Titles());
    const clock = manualClock(new Date('2026-01-01T12:00:00Z'));
    await using world = await testApp({ register: [Topics, TopicSummedUp], container, clock });
    const { app, backend } = world;
    const claim = (name: string, at: string) => ({
      type: 'claim.made',
      data: { claim: name, topic: 'sea', at: `2026-01-01T${at}Z` },
    });
    await backend.events.append('claims', [
      claim('a', '11:00:10'),
      claim('b', '11:00:59'),
      { type: 'source.found', data: { claim: 'b', topic: 'sea', at: '2026-01-01T11:00:58Z' } },
      claim('c', '11:01:05'),
      claim('still in time', '11:00:00'),
      claim('d', '11:01:10'),
      claim('too late', '11:00:59'),
      // Said to be tomorrow, but it cannot have happened after it was recorded.
      claim('e', '23:00:00'),
    ]);
    await handled(app, backend);
    const summaries = await eventsOf(backend, 'summaries');
    expect(summaries.map(({ data }) => data)).toEqual([
      { topic: 'The sea', claims: ['a', 'b', 'still in time', '4'], until: '2026-01-01T11:01:00.000Z' },
      { claim: 'too late', stream: 'claims' },
      { topic: 'The sea', claims: ['c', 'd', '2'], until: '2026-01-01T11:02:00.000Z' },
    ]);
    const status = await app.get(Correlations).status('topics');
    expect(status).toMatchObject({ late: 1, openKeys: 1, watermark: new Date('2026-01-01T11:59:50Z') });
  });

  it('finds a pattern by the method of a class', async () => {
    @Correlation({
      name: 'sourced',
      key: ({ data }) => (data as ClaimMade).topic,
      pattern: pattern(ClaimMade)
        .followedBy(SourceFound, (source, claim) => source.claim === claim.claim)
        .within('1m'),
      emits: [ClaimUnsourced],
    })
    class Sourced {
      @OnMatch() found({ key, events: [claim, source], recorded }: Match<[ClaimMade, SourceFound]>) {
        expect(claim).toBeInstanceOf(ClaimMade);
        expect(source).toBeInstanceOf(SourceFound);
        return new ClaimUnsourced(`${key}: ${claim.claim}=${source.claim} ${recorded.length}`);
      }
    }
    await using world = await testApp({ register: [Sourced] });
    const { app, backend } = world;
    for (const [type, claim] of [
      ['claim.made', 'a'],
      ['claim.made', 'b'],
      ['source.found', 'b'],
      ['source.found', 'c'],
    ] as const) {
      await backend.events.append('claims', [{ type, data: { claim, topic: 't' } }]);
      await handled(app, backend);
    }
    expect((await derivedIn(backend)).map(({ data }) => data)).toEqual([{ claim: 't: b=b 2' }]);
  });

  it('lets windows of each kind end as time goes on', async () => {
    const closing = (name: string, window: Parameters<typeof windowCorrelation>[0]['window']) =>
      windowCorrelation({
        name,
        key: 'topic',
        events: [ClaimMade],
        window,
        emit: ({ count: claims, start, end }) => ({
          type: name,
          data: [claims, end.getTime() - start.getTime()],
        }),
      });
    const register = [
      closing('tumbling', tumbling('10s')),
      closing('sliding', sliding('10s', '5s')),
      closing('session', session('3s')),
      closing('count', count(2)),
      closing('patient', count(2, { within: '4s' })),
    ];
    await using world = await testApp({ register });
    const { backend, clock } = world;
    for (const wait of [1_000, 1_000, 30_000]) {
      await backend.events.append('claims', [{ type: 'claim.made', data: { claim: 'x', topic: 't' } }]);
      await pass(clock, wait);
    }
    const derived = await derivedIn(backend);
    const of = (name: string) => derived.filter(({ type }) => type === name).map(({ data }) => data);
    expect(of('tumbling')).toEqual([[3, 10_000]]);
    expect(of('sliding')).toEqual([
      [3, 10_000],
      [3, 10_000],
    ]);
    expect(of('session')).toEqual([[3, 5_000]]);
    expect(of('count')).toEqual([[2, 1_000]]);
    expect(of('patient')).toEqual([
      [2, 1_000],
      [1, 4_000],
    ]);
  });

  it('waits for events alone to tell the time, if it is to', async () => {
    const waiting = windowCorrelation({
      name: 'waiting',
      key: 'topic',
      events: ['claim.made'],
      window: tumbling('1s'),
      whenIdle: 'wait',
      emit: ({ count: claims }) => ({ type: 'counted', data: claims }),
    });
    await using world = await testApp({ register: [waiting] });
    const { app, backend, clock } = world;
    const append = () => backend.events.append('claims', [{ type: 'claim.made', data: { topic: 't' } }]);
    await append();
    await pass(clock, 5_000);
    expect(await derivedIn(backend)).toEqual([]);
    await append();
    await handled(app, backend);
    expect((await derivedIn(backend)).map(({ data }) => data)).toEqual([1]);
  });

  it('closes more keys than one batch can, though nothing else happens', async () => {
    const closing = windowCorrelation({
      name: 'crowd',
      key: 'topic',
      events: [ClaimMade],
      window: tumbling('1s'),
      stream: (key) => `crowd-${key.length}`,
      emit: ({ key }) => ({ type: 'closed', data: key }),
    });
    await using world = await testApp({ register: [closing] });
    const { app, backend, clock } = world;
    const topics = Array.from({ length: 4_500 }, (_, index) => `t${index}`);
    await backend.events.append(
      'claims',
      topics.map((topic) => ({ type: 'claim.made', data: { claim: 'x', topic } })),
    );
    await handled(app, backend);
    expect(await app.get(Correlations).status('crowd')).toMatchObject({ openKeys: 4_500 });
    for (let turn = 0; turn < 60; turn += 1) {
      await clock.advance(50);
      await handled(app, backend);
    }
    expect(await app.get(Correlations).status('crowd')).toMatchObject({ openKeys: 0, completed: 4_500 });
    const found = await Promise.all([2, 3, 4, 5].map((length) => eventsOf(backend, `crowd-${length}`)));
    const closed = found.flat().map(({ data }) => data);
    expect(closed).toHaveLength(topics.length);
    expect(new Set(closed)).toEqual(new Set(topics));
  });

  it('calls what is given for late events, also by hand', async () => {
    const time = ({ data }: RecordedEvent): number => (data as { readonly at: number }).at;
    const late = (_: unknown, { type, data }: RecordedEvent) => ({ type: `late ${type}`, data });
    const register = [
      windowCorrelation({
        name: 'windows',
        key: 'topic',
        events: [ClaimMade],
        window: session(10),
        time,
        lateness: 5,
        emit: () => undefined,
        late,
      }),
      patternCorrelation({
        name: 'patterns',
        key: 'topic',
        pattern: pattern(ClaimMade).followedBy('claim.made').within(10),
        time,
        lateness: 5,
        emit: () => undefined,
        late,
      }),
    ];
    await using world = await testApp({ register });
    const { app, backend } = world;
    const at = (moment: number) => ({ type: 'claim.made', data: { claim: 'x', topic: 't', at: moment } });
    await backend.events.append('claims', [at(100), at(95), at(94)]);
    await handled(app, backend);
    for (const name of ['windows', 'patterns']) {
      expect(await eventsOf(backend, `correlation:${name}-t`)).toMatchObject([
        { type: 'late claim.made', data: { at: 94 } },
      ]);
      expect(await app.get(Correlations).status(name)).toMatchObject({ late: 1, watermark: new Date(95) });
    }
  });
});
